//! On the command line, beside the server if it runs: also where the last token was lost.

use std::error::Error;

use clap::Subcommand;
use inquiry_otl::{Clock as _, SystemClock};

use crate::{
    config::{SettingError, Settings},
    records::{Records, tokens},
};

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// Makes a token, and prints it: this is the one time that it is told.
    Create {
        /// Whose it is, or what for: by this name it is known and revoked.
        name: String,
    },
    /// Lists the tokens by name, with when they were made and revoked.
    List,
    /// Revokes a token: it opens nothing any more, and whoever signed in with it is signed out.
    Revoke {
        /// The name under which it was made.
        name: String,
    },
}

/// Does that to the tokens.
pub(crate) async fn run(
    settings: &Settings,
    command: TokensCommand,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let file = settings.records_file();
    if !file.exists() {
        let source = format!("there is no {}: is this the server's folder?", file.display());
        return Err(SettingError::new("data")(source).into());
    }
    let records = Records::open(&file).map_err(SettingError::new("data"))?;
    let now = SystemClock.now();
    match command {
        TokensCommand::Create { name } => {
            let token = super::create(&records, &name, now).await?;
            eprintln!("This token is not shown again:");
            println!("{}", token.as_str());
        }
        TokensCommand::List => {
            for token in records.read(tokens::all).await? {
                let revoked = token.revoked_at.map_or_else(String::new, |at| format!(", revoked {at}"));
                println!("{}: created {}{revoked}", token.name, token.created_at);
            }
        }
        TokensCommand::Revoke { name } => {
            super::revoke(&records, &name, now).await?;
            eprintln!("revoked");
        }
    }
    Ok(())
}
