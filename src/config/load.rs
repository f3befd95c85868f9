//! From a file to a `Config`, or to sentences that say what is wrong, where, and what would be right.

use std::{fmt, path::Path};

use toml_edit::{Document, Item, Value};

use super::{Config, validate};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// 1-based; 0 where no line fits (a missing file).
    pub line: usize,
    /// Dotted path, e.g. `channel[2].url`; empty where none fits.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
    /// Names something that is not in this file but may stand in the inventory.
    #[serde(skip)]
    pub elsewhere: bool,
}

impl Problem {
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { line: 0, key: key.into(), message: message.into(), elsewhere: false }
    }
    fn at(line: usize, key: String, message: String) -> Self {
        Self { line, key, message, elsewhere: false }
    }
}

/// All that is wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, thiserror::Error)]
pub struct ConfigError {
    pub file: String,
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, p) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}", self.file)?;
            if p.line > 0 {
                write!(f, ":{}", p.line)?;
            }
            f.write_str(": ")?;
            if !p.key.is_empty() {
                write!(f, "{}: ", p.key)?;
            }
            f.write_str(&p.message)?;
        }
        Ok(())
    }
}

/// Largest configuration file that is read, bytes.
const MAX_BYTES: u64 = 64 << 20;

/// The inventory's file in `node.data_dir`: channels, areas and credentials that are not in the configuration file.
pub const INVENTORY: &str = "inventory.db";

/// Reads and checks a file. Where there is an inventory, what the file names and does not hold may stand there: that is
/// checked when the two are merged.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let file = path.display().to_string();
    let fail = |message: String| ConfigError { file: file.clone(), problems: vec![Problem::new("", message)] };
    let meta = std::fs::metadata(path)
        .map_err(|e| fail(format!("cannot be read ({e}); name an existing file with --config FILE")))?;
    if meta.len() > MAX_BYTES {
        return Err(fail(format!("has {} bytes; a configuration has at most {MAX_BYTES}", meta.len())));
    }
    let bytes = std::fs::read(path).map_err(|e| fail(format!("cannot be read: {e}")))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = 1 + e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count();
        ConfigError {
            file: file.clone(),
            problems: vec![Problem::at(line, String::new(), "is not UTF-8; save the file as UTF-8".into())],
        }
    })?;
    check(&file, &text, |config| config.node.data_dir.join(INVENTORY).exists())
}

/// Checks a text that must be whole in itself; `file` stands in the sentences.
pub fn parse(file: &str, text: &str) -> Result<Config, ConfigError> {
    check(file, text, |_| false)
}

fn check(file: &str, text: &str, inventory: impl FnOnce(&Config) -> bool) -> Result<Config, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let one = |problem: Problem| ConfigError { file: file.to_owned(), problems: vec![problem] };
    let config: Config = toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(0, |span| line_of(text, span.start));
        let key = e.span().map_or_else(String::new, |span| key_at(text, span.start));
        let mut message = e.message().trim_end().replace('\n', "; ");
        let at = e.span().and_then(|span| text.get(span.start..)).and_then(|rest| rest.lines().next());
        let table = at.and_then(|line| line.trim().strip_prefix('[')?.strip_suffix(']'));
        if let Some(name) = table.filter(|_| message.contains("expected a sequence")) {
            message = format!("there may be several of these: write [[{name}]] in place of [{name}]");
        }
        one(Problem::at(line, key, message))
    })?;
    let mut problems = validate::problems(&config);
    if problems.iter().any(|p| p.elsewhere) && inventory(&config) {
        problems.retain(|p| !p.elsewhere);
    }
    if problems.is_empty() {
        return Ok(config);
    }
    if let Ok(doc) = text.parse::<Document<String>>() {
        for p in &mut problems {
            p.line = position(&doc, &p.key).map_or(0, |at| line_of(text, at));
        }
    }
    problems.sort_by_key(|p| p.line);
    Err(ConfigError { file: file.to_owned(), problems })
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|b| **b == b'\n').count()
}

/// The key on the line at byte `at`, where the line is a plain `key = value`.
fn key_at(text: &str, at: usize) -> String {
    let start = text.get(..at).and_then(|head| head.rfind('\n')).map_or(0, |i| i + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    match line.split_once('=') {
        Some((key, _)) if !key.trim().is_empty() && !key.contains('#') => key.trim().to_owned(),
        _ => String::new(),
    }
}

/// Byte offset of the value at `path` (`channel[2].url`), or of the nearest parent that the file holds.
fn position(doc: &Document<String>, path: &str) -> Option<usize> {
    let mut item = doc.as_item();
    let mut best = None;
    for part in path.split('.') {
        let (name, indices) = match part.split_once('[') {
            Some((name, rest)) => (name, rest.trim_end_matches(']').split("][").collect::<Vec<_>>()),
            None => (part, Vec::new()),
        };
        item = match item.get(name) {
            Some(next) => next,
            None => return best,
        };
        best = span_of(item).or(best);
        for index in indices {
            let Ok(index) = index.parse::<usize>() else { return best };
            item = match item.get(index) {
                Some(next) => next,
                None => return best,
            };
            best = span_of(item).or(best);
        }
    }
    best
}

fn span_of(item: &Item) -> Option<usize> {
    match item {
        Item::Value(v) => Value::span(v).map(|s| s.start),
        other => other.span().map(|s| s.start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` must be refused; every needle must stand in the sentence.
    fn refused(text: &str, needles: &[&str]) {
        let error = parse("test.toml", text).expect_err("must be refused").to_string();
        for needle in needles {
            assert!(error.contains(needle), "{needle:?} not in {error:?}");
        }
    }

    #[test]
    fn an_empty_file_is_good() {
        parse("test.toml", "").unwrap();
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        refused("[web]\nlisten = \"127.0.0.1:1\"\nlistne = \"x\"\n", &["test.toml:3", "listne", "listen"]);
    }

    #[test]
    fn a_wrong_type_is_named_with_its_line() {
        refused("[ingest]\n\nstall_deadline_s = \"ten\"\n", &["test.toml:3: stall_deadline_s", "string"]);
    }

    #[test]
    fn more_areas_than_a_site_may_have_are_refused_in_one_sentence() {
        let most = validate::MAX_AREAS;
        let areas = |count: usize| -> String {
            (0..count).map(|n| format!("[[area]]\nid = \"a{n}\"\nname = \"{n}\"\nkind = \"grid\"\n")).collect()
        };
        refused(&areas(most + 1), &["test.toml:80001: area[20000]: there would be 20001 areas; at most 20000, "]);
        assert_eq!(parse("test.toml", &areas(most)).unwrap().area.len(), most);
    }

    #[test]
    fn credentials_in_a_url_are_refused_and_not_repeated() {
        let text = "[[channel]]\nid = \"a\"\nurl = \"rtsp://admin:s3cret@10.0.0.1/x\"\n";
        refused(text, &["test.toml:3: channel[0].url", "[[credential]]"]);
        assert!(!parse("f", text).unwrap_err().to_string().contains("s3cret"));
    }

    #[test]
    fn a_password_that_is_no_text_is_not_repeated() {
        for value in ["40519", "-40519", "4051.9", "0x9e47", "40519-01-01", "[40519]", "{ a = 40519 }", "4o519"] {
            let text = format!("[[credential]]\nid = \"a\"\nusername = \"u\"\npassword = {value}\n");
            let error = parse("test.toml", &text).expect_err("no text").to_string();
            assert!(error.contains("test.toml:4"), "{error}");
            assert!(!error.contains(value) && !error.contains("40519"), "{error}");
        }
    }

    #[test]
    fn all_problems_come_at_once() {
        refused(
            "[[channel]]\nid = \"a\"\nurl = \"http://10.0.0.1/\"\n[[channel]]\nid = \"a\"\nurl = \"rtsp://10.0.0.2/\"\narea = \"nowhere\"\n",
            &[
                "test.toml:3: channel[0].url",
                "rtsp://",
                "test.toml:5: channel[1].id",
                "test.toml:7: channel[1].area",
                "nowhere",
            ],
        );
    }

    #[test]
    fn loopback_needs_its_key() {
        refused("[[channel]]\nid = \"a\"\nurl = \"rtsp://127.0.0.1/\"\n", &["allow_loopback"]);
        parse("f", "[ingest]\nallow_loopback = true\n[[channel]]\nid = \"a\"\nurl = \"rtsp://127.0.0.1/\"\n").unwrap();
    }

    #[test]
    fn two_listeners_on_one_port_are_refused() {
        refused("[publish]\nlisten = \"127.0.0.1:8080\"\n", &["test.toml:2: publish.listen", "web.listen"]);
    }

    #[test]
    fn open_listeners_need_tls_or_a_word() {
        refused("[web]\nlisten = \"0.0.0.0:8080\"\n", &["test.toml:2: web.listen", "allow_plain", "tls_cert"]);
        refused("[publish]\nlisten = \"0.0.0.0:1883\"\n", &["test.toml:2: publish.listen", "allow_plain"]);
    }
}
