//! `skyeye store check`: proves what lies in a data directory, with the gateway stopped or running.
//!
//! One sentence a problem; with `--json` the last line is one object. Exit 0: nothing is wrong; 1: something is, or the
//! database cannot be read.

use std::path::Path;

use super::Exit;
use crate::store::{DATABASE, check};

/// Checks the database of a data directory.
pub async fn check(data_dir: &Path, json: bool) -> anyhow::Result<Exit> {
    let file = data_dir.join(DATABASE);
    anyhow::ensure!(
        file.exists(),
        "there is no database {}; name the configuration whose node.data_dir is meant with --config FILE",
        file.display()
    );
    let report = match check::check(&file).await {
        Ok(report) => report,
        Err(error) => {
            anyhow::bail!("{}: {error}; the next start of the gateway moves a damaged file aside", file.display())
        }
    };
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        for problem in &report.problems {
            println!("{problem}");
        }
        if report.more_problems > 0 {
            println!("and {} more", report.more_problems);
        }
        println!(
            "{}: {} events ({} open), {} alerts ({} not closed), {} messages ({} wait for the broker): {}",
            file.display(),
            report.events,
            report.open_events,
            report.alerts,
            report.open_alerts,
            report.messages,
            report.waiting,
            if report.good() { "all is consistent" } else { "not consistent" }
        );
    }
    Ok(if report.good() { Exit::Good } else { Exit::Failed })
}
