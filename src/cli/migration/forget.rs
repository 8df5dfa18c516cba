//! `userbridge migration forget`: lifts the tombstone of one user.

use clap::Args;

use super::{Ended, Which, failed, soon};
use crate::cli::Exit;

#[derive(Debug, Args)]
pub(crate) struct Forget {
    #[command(flatten)]
    which: Which,
    /// The deleted user's id, with its prefix.
    user_id: String,
}

impl Forget {
    pub fn run(self) -> Result<Exit, Ended> {
        let open = self.which.open()?;
        let lifted = open.runtime.block_on(open.managed()?.store().forget(&self.user_id, soon())).map_err(failed)?;
        if lifted {
            println!("the tombstone is lifted: the next right login migrates the user again");
            return Ok(Exit::Fine);
        }
        Err((Exit::Findings, format!("error: `{}` has no tombstone", self.user_id)))
    }
}
