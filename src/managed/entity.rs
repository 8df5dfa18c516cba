//! The tables of the managed store, as sea-orm entities.
//!
//! Invariant: keys and states are compared byte for byte on every database; times are milliseconds since 1970 (UTC).

/// Users, and the tombstones of users.
pub(super) mod user {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "userbridge_users")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(35))")]
        pub connector: String,
        /// With the connector's prefix.
        #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(255))")]
        pub user_id: String,
        /// A name of [`super::super::State`].
        #[sea_orm(column_type = "String(StringLen::N(16))")]
        pub state: String,
        /// Counts the changes of the row: whoever read another revision has to read again.
        pub revision: i64,
        /// A JSON object.
        #[sea_orm(column_type = "Text")]
        pub profile: String,
        /// Says by itself what it is.
        #[sea_orm(column_type = "Text", nullable)]
        pub hash: Option<String>,
        /// The hash of an imported user with what belongs to it, as JSON; the connector's formats read it.
        #[sea_orm(column_type = "Text", nullable)]
        pub legacy: Option<String>,
        pub created_at: i64,
        pub changed_at: i64,
        /// When the row that the user came from had been marked.
        pub migrated_at: Option<i64>,
        /// The same in days since 1970.
        pub migrated_day: Option<i64>,
        /// When that row had been deleted.
        pub purged_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The names by which users are found, and those by which nobody is found any more.
pub(super) mod name {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "userbridge_names")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(35))")]
        pub connector: String,
        /// The SHA-256 of the normalised name, in hex: of one length, and without a word of the name itself.
        #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(64))")]
        pub name: String,
        #[sea_orm(column_type = "String(StringLen::N(255))")]
        pub user_id: String,
        /// 1 = nobody is found by it, and the store that users come from is not asked for it either.
        pub retired: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How often a user could not be migrated, by day and class of error.
pub(super) mod failure {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "userbridge_failures")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(35))")]
        pub connector: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub day: i64,
        #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(32))")]
        pub class: String,
        pub count: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How far long work has come, so that it can go on there.
pub(super) mod progress {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "userbridge_progress")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(35))")]
        pub connector: String,
        #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(32))")]
        pub task: String,
        /// The key that was reached, as JSON.
        #[sea_orm(column_type = "Text")]
        pub reached: String,
        pub changed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The version of these tables: one row.
pub(super) mod version {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "userbridge_schema")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
