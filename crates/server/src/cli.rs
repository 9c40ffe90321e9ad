//! The command line.

use std::{error::Error, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    bulk::{self, command::CreateLinks},
    config::{Options, Settings},
    serve::serve,
    tokens::{self, command::TokensCommand},
};

/// Serves one-time links: a dashboard for support staff, an API for their programs, and the page behind each link.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do: serve, unless told otherwise.
#[derive(Debug, Subcommand)]
enum Command {
    /// Serves until it is told to stop, by Ctrl-C or SIGTERM.
    Serve,
    /// One-time links.
    #[command(subcommand)]
    Links(LinksCommand),
    /// Tokens, with which to sign in and to use the API.
    #[command(subcommand)]
    Tokens(TokensCommand),
}

/// What to do with links.
#[derive(Debug, Subcommand)]
enum LinksCommand {
    /// Makes a link for each row of a CSV, also while the server runs.
    Create(CreateLinks),
}

impl Cli {
    /// Does what the command line says, and tells what the program is to exit with.
    ///
    /// # Errors
    /// Whatever kept it from being done; the message says what was wrong, and repeats no secret.
    pub async fn run(self) -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
        // One provider of cryptography for all connections; that another is there already does no harm.
        drop(rustls::crypto::ring::default_provider().install_default());
        let settings = Settings::read(&self.options)?;
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve(settings).await?,
            Command::Links(LinksCommand::Create(links)) => {
                return bulk::command::create(settings, links).await;
            }
            Command::Tokens(tokens) => tokens::command::run(&settings, tokens).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
