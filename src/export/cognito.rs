//! Amazon Cognito's CSV import, in files of 500,000 users. It takes no password: users who are not imported at all move
//! with the migration trigger, which keeps theirs.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool-csv-header.html>

use super::{Frame, Members, Record, Unfit, User};

pub(super) const FRAME: Frame = Frame {
    head: concat!(
        "cognito:username,name,given_name,family_name,middle_name,nickname,preferred_username,profile,picture,website,",
        "email,email_verified,gender,birthdate,zoneinfo,locale,phone_number,phone_number_verified,address,updated_at,",
        "cognito:mfa_enabled\n"
    ),
    separator: "\n",
    tail: "\n",
    records: Some(500_000),
    bytes: None,
};

/// One line in the columns' order. The import refuses users without a verified address or number.
pub(super) fn record(user: &User<'_>) -> Result<Record, Unfit> {
    let mut members = Members::new(user);
    let (email, phone) = (members.text("email"), members.text("phone_number"));
    let flag = |flag: Option<bool>, of: &Option<String>| flag.unwrap_or(false) && of.is_some();
    let email_verified = flag(members.flag("email_verified"), &email);
    let phone_verified = flag(members.flag("phone_verified"), &phone);
    if !email_verified && !phone_verified {
        return Err(Unfit("neither its e-mail address nor its phone number is verified"));
    }
    let username =
        members.text("username").or_else(|| email.clone()).unwrap_or_else(|| user.profile.user_id().to_owned());
    let mut text = |name: &str| members.text(name).unwrap_or_default();
    let (name, given, family) = (text("name"), text("given_name"), text("family_name"));
    let (nickname, picture) = (text("nickname"), text("picture"));
    let (email, phone) = (email.unwrap_or_default(), phone.unwrap_or_default());
    let columns = [
        &username,
        &name,
        &given,
        &family,
        "",
        &nickname,
        "",
        "",
        &picture,
        "",
        &email,
        word(email_verified),
        "",
        "",
        "",
        "",
        &phone,
        word(phone_verified),
        "",
        "",
        "FALSE",
    ];
    let fields: Vec<String> = columns.into_iter().map(field).collect::<Result<_, _>>()?;
    Ok(members.written(fields.join(","), user.hash.is_some()))
}

const fn word(flag: bool) -> &'static str {
    if flag { "TRUE" } else { "FALSE" }
}

/// Cognito knows no quotes: a comma has a backslash before it, and a line cannot be broken.
fn field(text: &str) -> Result<String, Unfit> {
    match text.contains(['\n', '\r']) {
        true => Err(Unfit("a value holds a line break, which the CSV cannot")),
        false => Ok(text.replace('\\', "\\\\").replace(',', "\\,")),
    }
}
