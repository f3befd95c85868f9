//! The commands as a person or a script meets them: exit codes, where a mistake lies and what would be right, and with
//! `--json` one object on the last line.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)] // tests start processes and panic
#![allow(clippy::print_stdout)] // and say what they skip

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use skyeye::simulate::{self, ClipArg, FarmOptions};
use support::gst_server::Clips;

/// Runs `skyeye ARGS` in the repository's root.
fn skyeye(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_skyeye")).args(args).current_dir(support::root()).output().unwrap()
}

fn code(args: &[&str]) -> i32 {
    skyeye(args).status.code().expect("it was not killed")
}

fn stderr(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

fn last_object(out: &Output) -> Value {
    let text = String::from_utf8_lossy(&out.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line)
        .unwrap_or_else(|e| panic!("no object ({e}) in the last line of {text:?}: {}", stderr(out)))
}

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

#[test]
fn help_teaches_and_what_is_unknown_is_64() {
    let help = skyeye(&["--help"]);
    assert!(help.status.success());
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    for word in
        ["run", "demo", "check", "probe", "channels", "simulate", "models", "store", "First steps", "Exit codes"]
    {
        assert!(text.contains(word), "--help tells of {word}:\n{text}");
    }
    for command in ["run", "demo", "check", "probe", "channels", "simulate", "models", "store", "webhooks"] {
        assert_eq!(code(&[command, "--help"]), 0, "{command}");
    }
    assert_eq!(code(&["--version"]), 0);
    for wrong in [&["fly"][..], &[], &["check", "--nonsense"], &["probe"], &["models", "fly"], &["simulate"]] {
        let out = skyeye(wrong);
        assert_eq!(out.status.code(), Some(64), "{wrong:?}");
        assert!(stderr(&out).contains("Usage"), "{wrong:?}: {}", stderr(&out));
    }
}

#[test]
fn the_configurations_that_ship_are_good() {
    for file in ["config/skyeye.toml", "config/demo.toml"] {
        let out = skyeye(&["check", "--config", file]);
        assert!(out.status.success(), "{file}: {}", stderr(&out));
    }
    let out = skyeye(&["check", "--json", "--config", "config/demo.toml"]);
    let object = last_object(&out);
    assert_eq!((&object["ok"], &object["problems"]), (&json!(true), &json!([])));
    assert_eq!((&object["channels"], &object["rules"]), (&json!(4), &json!(3)));
}

#[test]
fn a_broken_configuration_names_file_line_and_key() {
    let dir = Dir::new();
    let good = "[node]\nsite = \"s\"\n\n[[channel]]\nid = \"gate\"\nurl = \"rtsp://10.0.0.1/1\"\n";
    let of = |name: &str, text: &str, line: usize, words: &[&str]| {
        let file = dir.file(name, text);
        let out = skyeye(&["check", "--config", &file]);
        assert_eq!(out.status.code(), Some(64), "{name}");
        let said = stderr(&out);
        let place = if line > 0 { format!("{file}:{line}: ") } else { format!("{file}: ") };
        assert!(said.contains(&place), "{name}: {place:?} in {said}");
        words.iter().for_each(|word| assert!(said.contains(word), "{name}: {word:?} in {said}"));

        let out = skyeye(&["check", "--json", "--config", &file]);
        let object = last_object(&out);
        assert_eq!((out.status.code(), &object["ok"]), (Some(64), &json!(false)));
        assert_eq!(object["file"], json!(file));
        assert_eq!(object["problems"][0]["line"], json!(line), "{object}");
        // The gateway itself refuses it in the same words, and before it opens anything.
        let out = skyeye(&["run", "--config", &file]);
        assert_eq!(out.status.code(), Some(64), "{name}");
        assert!(stderr(&out).contains(&place), "{name}: {}", stderr(&out));
    };
    assert_eq!(code(&["check", "--config", &dir.file("good", good)]), 0);
    of("key", &good.replace("site =", "sight ="), 2, &["sight", "site"]);
    of("type", &good.replace("\"s\"", "5"), 2, &["site"]);
    of("syntax", &good.replace("[[channel]]", "[[channel"), 4, &[]);
    of("scheme", &good.replace("rtsp:", "http:"), 6, &["channel[0].url", "rtsp://"]);
    of("secret", &good.replace("10.0.0.1", "a:geheim@10.0.0.1"), 6, &["channel[0].url", "[[credential]]"]);
    of(
        "twice",
        &good.replace("[[channel]]", "[[channel]]\nid = \"gate\"\nurl = \"rtsp://10.0.0.2/\"\n[[channel]]"),
        8,
        &["gate"],
    );
    of("table", &good.replace("[[channel]]", "[channel]"), 4, &["[[channel]] in place of [channel]"]);
    // Only a manifest knows which detectors there are.
    let unknown = dir.file("model", &format!("{good}\n[infer]\nmodel = \"yolo-9000\"\n"));
    let out = skyeye(&["check", "--config", &unknown]);
    assert_eq!(out.status.code(), Some(64));
    assert!(stderr(&out).contains("infer.model") && stderr(&out).contains("yolox-nano"), "{}", stderr(&out));
    let out = skyeye(&["check", "--config", &dir.file("secret", &good.replace("10.0.0.1", "a:geheim@10.0.0.1"))]);
    assert!(!stderr(&out).contains("geheim"), "no secret in an error: {}", stderr(&out));

    let missing = dir.path("missing.toml");
    let out = skyeye(&["check", "--config", missing.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(64));
    assert!(stderr(&out).contains("missing.toml") && stderr(&out).contains("--config"), "{}", stderr(&out));
}

/// `skyeye ... | head`.
#[test]
fn a_reader_that_has_seen_enough_ends_the_command_without_a_word() {
    let dir = Dir::new();
    let config = dir.file("c.toml", "[node]\nsite = \"s\"\n");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_skyeye"));
    command.args(["check", "--config", &config]).current_dir(support::root());
    let out = command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(141));
    assert!(!stderr(&out).contains("panicked") && !stderr(&out).contains("cannot be written"), "{}", stderr(&out));
}

#[test]
fn schemas_are_written_for_every_payload() {
    let dir = Dir::new();
    let out = skyeye(&["check", "--json", "--schemas", dir.path("schemas").to_str().unwrap()]);
    assert!(out.status.success());
    let object = last_object(&out);
    let files = object["files"].as_array().unwrap();
    assert_eq!(files.len(), 7);
    for file in files {
        let schema: Value = serde_json::from_slice(&std::fs::read(file.as_str().unwrap()).unwrap()).unwrap();
        assert!(jsonschema::meta::is_valid(&schema), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probe_tells_what_a_camera_sends() {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let clips = vec![ClipArg::from(clips.path("h264"))];
    let farm = simulate::start(FarmOptions { clips, ..FarmOptions::default() }).await.unwrap();
    let url = farm.url(1);
    let probe = |args: &[&str]| {
        let args: Vec<&str> = ["probe", "--seconds", "3"].iter().chain(args).copied().collect();
        tokio::task::block_in_place(|| skyeye(&args))
    };
    let out = probe(&[&url, "--allow-loopback", "--json"]);
    let object = last_object(&out);
    assert!(out.status.success(), "{object}");
    assert_eq!((&object["ok"], &object["codec"], &object["width"]), (&json!(true), &json!("h264"), &json!(768)));
    let out = probe(&[&url, "--allow-loopback"]);
    assert!(String::from_utf8_lossy(&out.stdout).contains("768x576"));

    let out = probe(&[&url.replace("/cam/", "/nowhere/"), "--allow-loopback", "--json"]);
    assert_eq!((out.status.code(), &last_object(&out)["state"]), (Some(1), &json!("misconfigured")));
    assert_eq!(probe(&[&url, "--json"]).status.code(), Some(64), "a loopback address must be allowed");
    farm.shutdown().await;
}

#[test]
fn models_are_listed_and_what_is_not_there_is_said() {
    let dir = Dir::new();
    let config = dir.file("c.toml", &format!("[infer]\nmodels_dir = {:?}\n", dir.path("models")));
    let out = skyeye(&["models", "list", "--json", "--config", &config]);
    assert!(out.status.success(), "{}", stderr(&out));
    let object = last_object(&out);
    assert!(object.to_string().contains("efficientdet-lite0"), "{object}");
    let table = String::from_utf8_lossy(&skyeye(&["models", "list", "--config", &config]).stdout).into_owned();
    let says = format!("the files lie in {}\nmissing: `skyeye models fetch NAME`", dir.path("models").display());
    assert!(table.contains(&says) && !table.contains("wrong_sha256"), "{table}");
    let column = |line: &str| line.find(" missing ").unwrap();
    let mut rows = table.lines().filter(|l| l.contains(" missing ")).map(column);
    let first = rows.next().unwrap();
    assert!(rows.all(|at| at == first), "the columns stand below one another:\n{table}");
    let out = skyeye(&["models", "check", "efficientdet-lite0", "--json", "--config", &config]);
    assert_ne!(out.status.code(), Some(0), "{}", last_object(&out));
    assert_ne!(code(&["models", "check", "no-such", "--config", &config]), 0);
}

#[test]
fn store_check_wants_a_database() {
    let dir = Dir::new();
    let config = dir.file("c.toml", &format!("[node]\ndata_dir = {:?}\n", dir.path("data")));
    let out = skyeye(&["store", "check", "--config", &config]);
    assert_eq!(out.status.code(), Some(1));
    assert!(stderr(&out).contains("there is no database"), "{}", stderr(&out));
    // A file that is none.
    std::fs::create_dir(dir.path("data")).unwrap();
    let file: &Path = &dir.path("data").join(skyeye::store::DATABASE);
    std::fs::write(file, "not a database".repeat(1000)).unwrap();
    let out = skyeye(&["store", "check", "--config", &config]);
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
    assert_eq!(std::fs::read(file).unwrap().len(), 14_000, "a check changes nothing");
}

#[test]
fn simulate_refuses_what_it_cannot_play() {
    let dir = Dir::new();
    let clip = dir.file("notes.mp4", "this is no film");
    let out = skyeye(&["simulate", "--clip", &clip, "--listen", "127.0.0.1:0"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(stderr(&out).contains("notes.mp4"), "{}", stderr(&out));
}
