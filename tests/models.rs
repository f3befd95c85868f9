//! `skyeye models` with real weights and the real runtime library, in a folder of its own.
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests panic

mod support;

use std::path::{Path, PathBuf};

use clap::Parser;
use skyeye::cli::models::{ModelPaths, ModelsArgs, run};
use skyeye::infer::Manifest;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    models: ModelsArgs,
    #[arg(long, global = true)]
    json: bool,
}

/// Runs `skyeye models ARGS` and returns the exit code.
fn models(paths: &ModelPaths, args: &[&str]) -> u8 {
    let cli = Cli::try_parse_from(["models"].iter().chain(args)).unwrap_or_else(|e| panic!("{args:?}: {e}"));
    run(&cli.models, paths, cli.json).code()
}

fn paths(dir: &Path) -> ModelPaths {
    let runtime = support::onnxruntime().unwrap_or_else(|| PathBuf::from("/nonexistent/libonnxruntime.so"));
    ModelPaths { models_dir: dir.join("models"), manifest: None, runtime, provider: Default::default() }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).map(|d| d.map(|e| e.unwrap().file_name().into_string().unwrap()).collect());
    let mut names: Vec<String> = entries.unwrap_or_default();
    names.sort();
    names
}

#[test]
fn a_detector_of_ones_own_is_one_command() {
    let (Some(weights), Some(_)) = (support::shared("models/yolox_nano.onnx"), support::onnxruntime()) else { return };
    let dir = tempfile::tempdir().unwrap();
    let paths = paths(dir.path());
    let file = weights.to_str().unwrap();
    let add = |name: &str, layout: &str| {
        models(&paths, &["add", file, "--name", name, "--layout", layout, "--licence", "Apache-2.0", "--json"])
    };
    assert_eq!(add("yolox-nano", "yolox"), 0);
    assert_eq!(names(&paths.models_dir), ["coco-80.txt", "local.toml", "yolox-nano.onnx"]);
    assert_eq!(models(&paths, &["check", "yolox-nano", "--json"]), 0);
    assert_eq!(models(&paths, &["list", "--json"]), 0);
    // Again, and a second one beside it: one entry a name.
    assert_eq!(add("yolox-nano", "yolox"), 0);
    assert_eq!(add("other", "yolox"), 0);
    let manifest = Manifest::load(&paths.models_dir, None).unwrap();
    let mine: Vec<&str> =
        manifest.models.iter().filter(|m| m.described_in.ends_with("local.toml")).map(|m| m.name.as_str()).collect();
    assert_eq!(mine, ["yolox-nano", "other"]);
    assert_eq!(manifest.get("other").unwrap().input.width, 416);

    // What does not fit leaves no trace.
    assert_eq!(add("third", "efficientdet"), 1);
    let labels = dir.path().join("labels.txt");
    let of = |text: &str| {
        std::fs::write(&labels, text).unwrap();
        models(
            &paths,
            &[
                "add",
                file,
                "--name",
                "third",
                "--layout",
                "yolox",
                "--licence",
                "MIT",
                "--labels",
                labels.to_str().unwrap(),
            ],
        )
    };
    assert_eq!(of("helmet\nvest\n"), 1, "80 classes and two labels");
    assert_eq!(of(&"face\n".repeat(80)), 64, "faces");
    assert_eq!(of(""), 64, "no label");
    assert_eq!(names(&paths.models_dir), ["coco-80.txt", "local.toml", "other.onnx", "yolox-nano.onnx"]);

    // Damage is found.
    let path = paths.models_dir.join("other.onnx");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(models(&paths, &["check"]), 1);
    assert_eq!(models(&paths, &["check", "yolox-nano"]), 0);
}

#[test]
fn a_folder_is_a_source_and_its_sha256_counts() {
    let dir = tempfile::tempdir().unwrap();
    let stick = dir.path().join("stick");
    std::fs::create_dir(&stick).unwrap();
    std::fs::write(stick.join("a.onnx"), b"weights").unwrap();
    let sha256 = support::sha256(&stick.join("a.onnx"));
    let manifest = dir.path().join("manifest.toml");
    let write = |source: &str| {
        let text = format!(
            "[[model]]\nname = \"a\"\nfile = \"a.onnx\"\nlicence = \"MIT\"\nsource = \"{source}\"\nsha256 = \"{sha256}\"\n\
             layout = \"yolox\"\ninput = {{ width = 416, height = 416, colour = \"bgr\", name = \"images\" }}\n\
             labels = \"coco-80.txt\"\ndetects = [\"objects\"]\n"
        );
        std::fs::write(&manifest, text).unwrap();
    };
    let paths = ModelPaths { manifest: Some(manifest.clone()), ..paths(dir.path()) };
    write(&format!("folder:{}", stick.display()));
    assert_eq!(models(&paths, &["fetch", "a", "--json"]), 0);
    assert_eq!(std::fs::read(paths.models_dir.join("a.onnx")).unwrap(), b"weights");
    assert_eq!(models(&paths, &["fetch"]), 0, "again, and without a name");

    std::fs::remove_file(paths.models_dir.join("a.onnx")).unwrap();
    std::fs::write(stick.join("a.onnx"), b"other weights").unwrap();
    assert_eq!(models(&paths, &["fetch", "a"]), 1);
    assert!(names(&paths.models_dir).is_empty(), "{:?}", names(&paths.models_dir));

    // Nothing listens there; and what set-up brings, or a person must, is bad usage.
    write("https://127.0.0.1:9/a.onnx");
    assert_eq!(models(&paths, &["fetch", "a"]), 1);
    write("npm:somewhere@1.0.0");
    assert_eq!(models(&paths, &["fetch", "a"]), 64);
    assert_eq!(models(&paths, &["fetch"]), 64);
    write("http://127.0.0.1:9/a.onnx");
    assert_eq!(models(&paths, &["fetch", "a"]), 64);
    write("a sentence for a person");
    assert_eq!(models(&paths, &["fetch", "a"]), 64);
    assert_eq!(models(&paths, &["fetch", "b"]), 64);
    assert_eq!(models(&paths, &["check"]), 1, "nothing is there");
    std::fs::write(&manifest, "[[model]]\nname = 3\n").unwrap();
    assert_eq!(models(&paths, &["list"]), 64);
}
