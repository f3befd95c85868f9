//! `channels credential`: user names and passwords of cameras.

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use serde_json::json;

use super::{Exit, author, open, say, snapshot};
use crate::{
    config::{Config, secret_file},
    inventory::{self, Edit, Expect, Op, Source},
    types::CredentialId,
};

#[derive(Debug, Subcommand)]
pub enum CredentialCommand {
    /// List them, never a password
    List,
    /// Add one, or give one another user or password
    Set {
        /// What channels name
        id: String,
        /// User at the camera or recorder
        #[arg(long, value_name = "NAME")]
        user: String,
        /// File with the password; its first line counts
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
    /// Remove one that no channel uses
    Remove {
        /// Its id
        id: String,
    },
}

pub async fn run(config: Config, command: CredentialCommand, json: bool) -> anyhow::Result<Exit> {
    let op = match command {
        CredentialCommand::List => return list(config, json).await,
        CredentialCommand::Set { id, user, password_file } => {
            let password = secret_file::read(&password_file).with_context(|| password_file.display().to_string())?;
            Op::PutCredential { id: CredentialId::new(&id)?, username: user, password: Some(password) }
        }
        CredentialCommand::Remove { id } => Op::RemoveCredential(CredentialId::new(&id)?),
    };
    let edit =
        Edit { ops: vec![op], author: author(), source: Source::Cli, summary: String::new(), expect: Expect::Anything };
    say(&open(&config).await?.edit(&config, edit).await?, json);
    Ok(Exit::Good)
}

async fn list(config: Config, json: bool) -> anyhow::Result<Exit> {
    let fixed: Vec<_> = config.credential.iter().map(|c| c.id.clone()).collect();
    let stored = snapshot(&config).await?;
    let merged = inventory::merged(config, &stored);
    let mut all = Vec::new();
    for c in &merged.config.credential {
        let used = merged.config.channel.iter().filter(|x| x.credential.as_ref() == Some(&c.id)).count();
        let origin = if fixed.contains(&c.id) { "file" } else { "inventory" };
        let trouble = c.unreadable.as_ref().map(|why| format!("  cannot be used: {why}")).unwrap_or_default();
        println!("{}  user {}  {used} channels  {origin}{trouble}", c.id, c.username);
        all.push(
            json!({ "id": c.id, "username": c.username, "channels": used, "origin": origin, "trouble": c.unreadable }),
        );
    }
    if json {
        println!("{}", json!({ "ok": true, "credentials": all }));
    }
    Ok(Exit::Good)
}
