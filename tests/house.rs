//! The house rules that a compiler does not know: which module may know which, where foreign code is called, and what
//! the documentation must name.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // tests panic

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The way of the data, in order.
const STAGES: [&str; 14] = [
    "ingest", "media", "sample", "schedule", "decode", "infer", "track", "rule", "alert", "evidence", "outbox",
    "publish", "hook", "web",
];
/// Beside the way: known by all, knowing only each other.
const BESIDE: [&str; 8] = ["types", "config", "channel", "discover", "inventory", "store", "telemetry", "trust"];
/// On top: wire the others together; known by none of them.
const TOP: [&str; 3] = ["node", "simulate", "cli"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path, ext: &str) -> Vec<PathBuf> {
    walkdir::WalkDir::new(dir)
        .into_iter()
        .filter_map(Result::ok)
        .map(|e| e.into_path())
        .filter(|p| p.extension().is_some_and(|e| e == ext))
        .collect()
}

/// Module names after `crate::` in a line, those in a `use crate::{a::.., b::..}` group included.
fn edges(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("crate::") {
        rest = &rest[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut name = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => found.push(std::mem::take(&mut name)),
                    _ if depth == 0 => name.push(c),
                    _ => {}
                }
            }
            found.push(name);
        } else {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect());
        }
    }
    found.iter().map(|n| n.trim().trim_start_matches("r#").to_owned()).filter(|n| !n.is_empty()).collect()
}

#[test]
fn edges_are_read_from_groups_and_paths() {
    assert_eq!(
        edges("use crate::{\n  config,\n  types::{A, B},\n};\nlet x = crate::store::open();"),
        ["config", "types::", "store::open"]
    );
}

#[test]
fn data_flows_only_downward() {
    let src = root().join("src");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in sources(&src, "rs") {
        let relative = path.strip_prefix(&src).unwrap();
        let from = relative.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        if ["lib", "main"].contains(&from.as_str()) || TOP.contains(&from.as_str()) {
            continue;
        }
        let text: String = fs::read_to_string(&path)
            .unwrap()
            .lines()
            .filter(|l| !l.trim_start().starts_with("//"))
            .map(|l| format!("{l}\n"))
            .collect();
        for edge in edges(&text) {
            seen += 1;
            let to = edge.split("::").next().unwrap();
            let rank = |m: &str| STAGES.iter().position(|s| *s == m);
            let good = to == from
                || BESIDE.contains(&to)
                || matches!((rank(&from), rank(to)), (Some(a), Some(b)) if b > a)
                || edge.starts_with("schedule::demand");
            if !good {
                wrong.push(format!("{}: crate::{edge}", relative.display()));
            }
        }
    }
    assert!(seen > 5, "the test reads nothing");
    assert!(wrong.is_empty(), "edges upward, see the house in ARCHITECTURE.md:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_its_place() {
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().replace(".rs", "");
        let known = STAGES.contains(&name.as_str()) || BESIDE.contains(&name.as_str()) || TOP.contains(&name.as_str());
        assert!(known || name == "lib" || name == "main", "src/{name} has no place in the house");
    }
}

/// `ort::` as a crate, not as the end of `transport::`.
fn names_ort(line: &str) -> bool {
    line.match_indices("ort::").any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn only_decode_and_infer_call_foreign_code() {
    assert!(names_ort("use ort::session::Session;") && !names_ort("use super::transport::choose;"));
    for path in sources(&root().join("src"), "rs") {
        let text = fs::read_to_string(&path).unwrap();
        let place = path.strip_prefix(root().join("src")).unwrap().display().to_string();
        let foreign = text.lines().any(|l| {
            let l = l.trim_start();
            !l.starts_with("//") && (l.contains("gstreamer") && !l.contains('"') || names_ort(l))
        });
        if foreign {
            assert!(
                place.starts_with("decode") || place.starts_with("infer"),
                "{place} calls GStreamer or ONNX Runtime"
            );
        }
        let code = |needle: &str| text.lines().any(|l| !l.trim_start().starts_with("//") && l.contains(needle));
        assert!(!code("parse_launch") && !code("parse::launch"), "{place} builds a pipeline from a string");
    }
}

#[test]
fn every_key_stands_in_the_reference() {
    let schema = serde_json::to_value(schemars::schema_for!(skyeye::config::Config)).unwrap();
    let mut keys = Vec::new();
    collect(&schema, &schema, "", &mut keys);
    assert!(keys.len() > 80, "only {} keys found", keys.len());
    let readme = fs::read_to_string(root().join("config/README.md")).unwrap();
    let reference = fs::read_to_string(root().join("config/skyeye.toml")).unwrap();
    let missing: Vec<_> = keys
        .iter()
        .filter(|k| !readme.contains(&format!("`{k}`")))
        .map(|k| format!("config/README.md lacks `{k}`"))
        .chain(keys.iter().filter(|k| !in_reference(&reference, k)).map(|k| format!("config/skyeye.toml lacks {k}")))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    let known: Vec<_> = keys.iter().map(String::as_str).collect();
    for line in readme.lines().filter(|l| l.starts_with("| `")) {
        let key = line.trim_start_matches("| `").split('`').next().unwrap();
        assert!(known.contains(&key), "config/README.md names `{key}`, which is no key");
    }
}

/// Dotted keys of the configuration; an array of tables is named like a table.
fn collect(root: &serde_json::Value, node: &serde_json::Value, path: &str, keys: &mut Vec<String>) {
    let mut node = node;
    for wrapper in ["anyOf", "allOf", "oneOf"] {
        if let Some(first) = node.get(wrapper).and_then(|a| a.get(0)).filter(|f| f.get("$ref").is_some()) {
            node = first;
        }
    }
    if let Some(reference) = node.get("$ref").and_then(|r| r.as_str()) {
        let name = reference.rsplit('/').next().unwrap();
        node = &root["$defs"][name];
    }
    if node["type"] == "array" && node["items"].get("$ref").is_some() {
        return collect(root, &node["items"], path, keys);
    }
    match node.get("properties").and_then(|p| p.as_object()) {
        Some(properties) if !properties.is_empty() => {
            for (name, child) in properties {
                let child_path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(root, child, &child_path, keys);
            }
        }
        _ => keys.push(path.to_owned()),
    }
}

/// The key as a (possibly commented) line under its section's heading.
fn in_reference(text: &str, key: &str) -> bool {
    let (section, name) = key.rsplit_once('.').unwrap();
    let mut here = false;
    for line in text.lines().map(|l| l.trim_start_matches(['#', ' '])) {
        if line.starts_with('[') {
            here = line.trim_matches(['[', ']']) == section;
        } else if here && line.split_once('=').is_some_and(|(k, _)| k.trim() == name) {
            return true;
        }
    }
    false
}

#[test]
fn the_reference_is_a_good_configuration_and_shows_the_defaults() {
    for name in ["config/skyeye.toml", "config/demo.toml"] {
        let path = root().join(name);
        if let Err(e) = skyeye::config::parse(name, &fs::read_to_string(&path).unwrap()) {
            panic!("{e}");
        }
    }
}

/// Names of metrics in a text: every word that begins with `skyeye_` and has a module's name behind it.
fn metric_names(text: &str) -> std::collections::BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.match_indices("skyeye_")
        .filter(|(at, _)| !text[..*at].ends_with(|c: char| is_word(c) || c == '-' || c == '/'))
        .map(|(at, _)| text[at..].chars().take_while(|c| is_word(*c)).collect::<String>())
        .filter(|name| name.splitn(3, '_').count() == 3)
        .collect()
}

#[test]
fn every_metric_stands_in_the_table_and_is_counted() {
    let mut counted = std::collections::BTreeSet::from([skyeye::telemetry::names::SERIES_REFUSED.to_owned()]);
    for path in sources(&root().join("src"), "rs") {
        if path.ends_with("telemetry/names.rs") || path.ends_with("telemetry/recorder.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        // Only literals: a name in a comment is not counted.
        for literal in
            text.lines().filter(|l| !l.trim_start().starts_with("//")).flat_map(|l| l.split('"').skip(1).step_by(2))
        {
            if metric_names(literal).contains(literal) {
                counted.insert(literal.to_owned());
            }
        }
    }
    assert!(counted.len() > 50, "the test reads nothing");
    let table: std::collections::BTreeSet<String> =
        skyeye::telemetry::names::TABLE.iter().map(|m| m.name.to_owned()).collect();
    let unknown: Vec<_> = counted.difference(&table).collect();
    assert!(unknown.is_empty(), "not in src/telemetry/names.rs, put them there with unit and help: {unknown:?}");
    let silent: Vec<_> = table.difference(&counted).collect();
    assert!(silent.is_empty(), "in src/telemetry/names.rs, but counted nowhere: {silent:?}");
}
