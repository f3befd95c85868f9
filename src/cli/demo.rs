//! `skyeye demo`: a camera farm and the gateway in one process, and how to look at them.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;

use super::{Exit, load, run};
use crate::{
    config::Config,
    node::Node,
    simulate::{self, AuthScheme, ClipArg, Farm, FarmOptions},
    telemetry,
    types::Secret,
};

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder with the footage that `make demo` fetched
    #[arg(long, value_name = "DIR", default_value = ".cache/footage")]
    footage: PathBuf,
    /// Play this video file on all four cameras instead
    #[arg(long, value_name = "FILE")]
    clip: Option<PathBuf>,
}

/// Where the farm's cameras are in `config/demo.toml`.
const FARM: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 1, 0, 1)), 8554);
/// Path on the farm, file in the footage folder.
const CLIPS: [(&str, &str); 4] = [
    ("vtest", "vtest.h264.mp4"),
    ("vtest-h265", "vtest.h265.mp4"),
    ("vtest-mjpeg", "vtest.mjpeg.avi"),
    ("motorway", "motorway.h264.mp4"),
];
/// The demo's own configuration, used unless `--config` names another.
const CONFIG: &str = "config/demo.toml";

pub fn run(path: &Path, args: &DemoArgs) -> anyhow::Result<Exit> {
    let path = if path == Path::new(super::DEFAULT_CONFIG) { Path::new(CONFIG) } else { path };
    let config = match load(path) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    telemetry::init_logs(&config.telemetry);
    super::block_on(async {
        let signals = run::Signals::new()?;
        let farm = start_farm(&config, args).await?;
        let users = config.publish.user.clone();
        let (site, web, broker) = (config.node.site.clone(), config.web.listen.clone(), config.publish.listen.clone());
        let node = Node::start(config, path.to_owned(), true).await?;
        println!("\nskyeye is up: {} cameras play real footage.\n", farm.channels());
        println!("  Console   http://{web}");
        match node.first_password() {
            Some(password) => println!("            user admin, one-time password {}", password.expose()),
            None => println!("            user admin, with the password that you set"),
        }
        if let Some(user) = users.first() {
            let password = std::fs::read_to_string(&user.password_file)
                .with_context(|| format!("{} cannot be read", user.password_file.display()))?;
            let (host, port) = broker.rsplit_once(':').unwrap_or((broker.as_str(), "1883"));
            println!("  Broker    {broker}, user {}, password {}\n", user.name, password.trim());
            println!(
                "  mosquitto_sub -h {host} -p {port} -u {} -P {} -v -t 'skyeye/v1/{site}/channel/+/event/#'",
                user.name,
                password.trim()
            );
        }
        println!("\nCtrl-C ends everything.\n");
        run::until_stopped(node, signals).await;
        farm.shutdown().await;
        Ok(Exit::Good)
    })
}

async fn start_farm(config: &Config, args: &DemoArgs) -> anyhow::Result<Farm> {
    let mut clips = Vec::new();
    for (name, file) in CLIPS {
        let path = args.clip.clone().unwrap_or_else(|| args.footage.join(file));
        if !path.exists() {
            bail!("the footage {} is not there; run `make demo`, which brings it", path.display());
        }
        clips.push(ClipArg { name: Some(name.to_owned()), path });
    }
    let login = config.credential.first();
    let options = FarmOptions {
        channels: u32::try_from(CLIPS.len()).unwrap_or(4),
        clips,
        listen: FARM,
        auth: if login.is_some() { AuthScheme::Digest } else { AuthScheme::None },
        user: login.map(|c| c.username.clone()).unwrap_or_default(),
        password: match login {
            Some(c) => c.read_password().context("the password of the demo's cameras")?,
            None => Secret::default(),
        },
        ..FarmOptions::default()
    };
    simulate::start(options).await.with_context(|| format!("the camera farm cannot start on {FARM}"))
}
