//! `channels import` and `export`.

use std::{
    collections::BTreeMap,
    io::{BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use bytes::Bytes;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Exit, author, diff, open, snapshot};
use crate::{
    config::Config,
    inventory::{self, Coordinates, Format, Import, Inventory, Kind, Plan, Source},
    types::Clock,
};

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum KindArg {
    Channels,
    Areas,
}

impl From<KindArg> for Kind {
    fn from(kind: KindArg) -> Kind {
        match kind {
            KindArg::Channels => Kind::Channel,
            KindArg::Areas => Kind::Area,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CoordinatesArg {
    Wgs84,
    Gcj02,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    Csv,
    Json,
    Toml,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// CSV (UTF-8 or GB18030), TOML or JSON
    file: PathBuf,
    /// What the rows are
    #[arg(long, value_enum, default_value = "channels")]
    kind: KindArg,
    /// Take a column for a field, e.g. `编号=external_id`; with nothing behind the sign it is not read
    #[arg(long = "map", value_name = "HEADING=FIELD", value_parser = mapping)]
    map: Vec<(String, String)>,
    /// In which system the file gives coordinates; gcj02 (Chinese maps) is converted
    #[arg(long, value_enum, default_value = "wgs84")]
    coordinates: CoordinatesArg,
    /// Make the changes; without it they are only shown
    #[arg(long)]
    apply: bool,
    /// Only show, and say so
    #[arg(long, conflicts_with = "apply")]
    dry_run: bool,
    /// Retire what the file does not have
    #[arg(long)]
    remove_missing: bool,
    /// Apply the good rows although others are refused
    #[arg(long)]
    skip_refused: bool,
    /// Do not ask on a terminal
    #[arg(long)]
    yes: bool,
    /// Show every line, not the first of each kind
    #[arg(long)]
    all: bool,
}

fn mapping(text: &str) -> Result<(String, String), String> {
    let (heading, field) = text.rsplit_once('=').ok_or("must be HEADING=FIELD")?;
    Ok((heading.trim().to_owned(), field.trim().to_owned()))
}

pub async fn import(config: Config, args: ImportArgs, json: bool) -> anyhow::Result<Exit> {
    let mut import = Import {
        kind: args.kind.into(),
        bytes: read(&args.file)?,
        filename: args.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        map: args.map.iter().cloned().collect::<BTreeMap<_, _>>(),
        coordinates: match args.coordinates {
            CoordinatesArg::Wgs84 => Coordinates::Wgs84,
            CoordinatesArg::Gcj02 => Coordinates::Gcj02,
        },
        remove_missing: args.remove_missing,
        apply: false,
        skip_refused: args.skip_refused,
        expect_rev: None,
        author: author(),
        source: Source::Cli,
    };
    let filename = import.filename.clone();
    let ask = args.apply && !args.yes && std::io::stdin().is_terminal();
    let mut plan = if args.apply && !ask {
        import.apply = true;
        open(&config).await?.import(&config, import.clone()).await?
    } else {
        match Inventory::open_existing(&config, Clock::start()).await? {
            Some(inventory) => inventory.import(&config, import.clone()).await?,
            None => inventory::plan(&snapshot(&config).await?, &config, &import)?.0,
        }
    };
    diff::plan(&plan, &filename, args.all);
    if ask && !plan.stands_against(args.skip_refused) && confirmed()? {
        import.apply = true;
        import.expect_rev = Some(plan.base_rev);
        plan = open(&config).await?.import(&config, import).await?;
    }
    println!("{}", outcome(&plan, &args));
    if json {
        println!("{}", serde_json::to_string(&plan)?);
    }
    Ok(if plan.refused.is_empty() { Exit::Good } else { Exit::Failed })
}

fn outcome(plan: &Plan, args: &ImportArgs) -> String {
    match plan.rev {
        Some(rev) => format!("applied as revision {rev}; a running gateway takes it over by itself"),
        None if plan.applied => "nothing differs, nothing is changed".into(),
        None if plan.stands_against(true) => "nothing is changed: correct what is refused and import it again".into(),
        None if plan.stands_against(args.skip_refused) => {
            "nothing is changed: correct the refused rows, or apply the others with --apply --skip-refused".into()
        }
        None if args.dry_run => "nothing is changed: this is a dry run".into(),
        None => "nothing is changed: --apply does it".into(),
    }
}

fn read(path: &Path) -> anyhow::Result<Bytes> {
    let name = || path.display().to_string();
    let meta = std::fs::metadata(path).with_context(name)?;
    anyhow::ensure!(
        meta.len() <= inventory::MAX_BYTES as u64,
        "{} has {} bytes; an import has at most {}",
        name(),
        meta.len(),
        inventory::MAX_BYTES
    );
    Ok(std::fs::read(path).with_context(name)?.into())
}

fn confirmed() -> anyhow::Result<bool> {
    print!("make these changes? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Where to; its end says the format. Without it the standard output
    file: Option<PathBuf>,
    /// What is written
    #[arg(long, value_enum, default_value = "channels")]
    kind: KindArg,
    /// Besides what the file's name says
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
}

pub async fn export(config: Config, args: &ExportArgs, json: bool) -> anyhow::Result<Exit> {
    let snapshot = snapshot(&config).await?;
    let kind = Kind::from(args.kind);
    let named = args.file.as_deref().and_then(|f| Format::of_name(&f.to_string_lossy()));
    let format = match args.format {
        Some(FormatArg::Csv) => Format::Csv,
        Some(FormatArg::Json) => Format::Json,
        Some(FormatArg::Toml) => Format::Toml,
        None => named.unwrap_or(Format::Csv),
    };
    let bytes = inventory::export(&snapshot, kind, format);
    let (stored, fixed) = match kind {
        Kind::Area => (snapshot.areas.len(), config.area.len()),
        _ => (snapshot.channels.len(), config.channel.len()),
    };
    match &args.file {
        Some(path) => std::fs::write(path, &bytes).with_context(|| path.display().to_string())?,
        None => std::io::stdout().write_all(&bytes)?,
    }
    if fixed > 0 {
        eprintln!("the {fixed} {kind}s of the configuration file are not in it: that file is their export");
    }
    if let Some(path) = &args.file {
        println!("{}: {stored} {kind}s", path.display());
    }
    if json {
        println!("{}", json!({ "ok": true, "file": args.file, "kind": kind, "format": format, "rows": stored }));
    }
    Ok(Exit::Good)
}
