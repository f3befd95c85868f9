//! Looking for cameras from the command line: who is there, and the stream paths of makers.
//!
//! Nothing is saved. With `--json` the last line is the same object that the API gives.

use std::{net::Ipv4Addr, net::SocketAddr, path::PathBuf, time::Duration};

use super::{Exit, probe::login};
use crate::{
    discover::{DiscoverAsk, DiscoverRun, DiscoverView, Found, brands, ranges, scan, scan::Whom, ws},
    types::Clock,
};

const AFTER: &str = "Examples:
  skyeye channels discover
      asks this machine's networks by WS-Discovery
  skyeye channels discover 10.1.0.0/24 10.2.0.5-9 --user admin --password-file nvr.secret
      tries each address at the usual ports for ONVIF (80, 8000, 8080, 2020) and
      RTSP (554, 8554), and asks each device once who made it

Exit codes: 0 somebody was found, 1 nobody, 64 bad usage.";

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER)]
pub struct DiscoverArgs {
    /// Addresses to try one by one, at most 4096: 10.1.0.0/24, 10.2.0.5-9, 10.3.0.7; without them the networks of this
    /// machine are asked
    pub addresses: Vec<String>,
    /// Further ports to try for ONVIF and RTSP
    #[arg(long = "port", value_name = "PORT", requires = "addresses", value_parser = clap::value_parser!(u16).range(1..))]
    pub ports: Vec<u16>,
    /// Address of this machine in the network to ask, where it has several
    #[arg(long, value_name = "ADDRESS", conflicts_with = "addresses")]
    pub interface: Option<Ipv4Addr>,
    /// User name at the devices, to hear who made them
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub user: Option<String>,
    /// File whose first line is the password
    #[arg(long, value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
    /// Accept addresses of this machine itself, for `skyeye simulate --onvif`
    #[arg(long)]
    pub allow_loopback: bool,
}

/// Runs the search; progress goes to standard error.
pub async fn run(args: DiscoverArgs, json: bool) -> anyhow::Result<Exit> {
    let whom = if args.addresses.is_empty() {
        Ok(Whom::Network { interface: args.interface })
    } else {
        ranges::addresses(&args.addresses.join(","), args.allow_loopback).map(Whom::List)
    };
    let login = login(args.user.as_deref(), args.password_file.as_deref());
    let too_many = (args.ports.len() > scan::MAX_PORTS).then(|| format!("at most {} ports", scan::MAX_PORTS));
    let (whom, login) = match (whom, login, too_many) {
        (Ok(whom), Ok(login), None) => (whom, login),
        (Err(why), ..) | (_, Err(why), _) | (_, _, Some(why)) => {
            eprintln!("skyeye: {why}");
            return Ok(Exit::Usage);
        }
    };
    let group = SocketAddr::from((ws::GROUP, ws::PORT));
    let ask = DiscoverAsk { whom, ports: args.ports, login, allow_loopback: args.allow_loopback, group };
    let run = DiscoverRun::default();
    let work = run.run(ask, Clock::start());
    tokio::pin!(work);
    let mut tick = tokio::time::interval(Duration::from_secs(2));
    tick.tick().await;
    loop {
        tokio::select! {
            () = &mut work => break,
            _ = tick.tick() => {
                let view = run.view();
                eprintln!("{} of {} asked, {} found", view.asked, view.of, view.found.len());
            }
        }
    }
    let view = run.view();
    if json {
        println!("{}", serde_json::to_string(&view)?);
    } else {
        println!("{}", table(&view).trim_end());
    }
    Ok(if view.found.is_empty() { Exit::Failed } else { Exit::Good })
}

fn table(view: &DiscoverView) -> String {
    if let Some(why) = &view.error {
        return format!("{why}\n");
    }
    if view.found.is_empty() {
        return "nobody answered; cameras in other networks are found by a list of addresses\n".into();
    }
    let row = |f: &Found| {
        let what = if f.onvif { "ONVIF" } else { "RTSP" };
        let maker = [&f.manufacturer, &f.model].map(String::as_str).join(" ");
        let who = [maker.trim(), &f.name, &f.hardware].into_iter().find(|t| !t.is_empty()).unwrap_or("-").to_owned();
        let why = f.reason.as_ref().map(|r| format!(" ({r})")).unwrap_or_default();
        format!("{:<16}{:>6} {what:<6} {who}{why}\n", f.address, f.port)
    };
    view.found.iter().map(row).collect()
}

/// Prints the table of brands.
pub fn brand_table(json: bool) -> anyhow::Result<Exit> {
    if json {
        println!("{}", serde_json::json!({ "brands": brands::all() }));
    } else {
        for b in brands::all() {
            println!("{:<22}{}\n{:24}{}\n{:24}{}", b.id, b.name, "", b.main, "", b.sub);
        }
    }
    Ok(Exit::Good)
}
