//! The dashboard and the alert rules in `deploy/` speak of metrics that exist, with labels and values that they have.
//!
//! No part of Prometheus is here to ask, so this reads expressions by itself: names, matchers, groupings, functions and
//! brackets. It knows less than Prometheus does, and what it does not know it refuses.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // tests panic

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;
use skyeye::telemetry::names::{self, Kind, Metric};

const FUNCTIONS: [&str; 10] =
    ["sum", "avg", "min", "max", "rate", "increase", "histogram_quantile", "label_values", "by", "and"];
/// Labels that Prometheus adds.
const TARGET: [&str; 3] = ["instance", "job", "le"];

fn deploy(name: &str) -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)).unwrap()
}

/// The metric of a series' name, a histogram's parts included.
fn metric(name: &str) -> Option<&'static Metric> {
    let part = ["_bucket", "_sum", "_count"].iter().find_map(|s| name.strip_suffix(s));
    match names::find(name) {
        // A histogram by its bare name gives nothing in Prometheus.
        Some(m) => (m.kind != Kind::Histogram).then_some(m),
        None => part.and_then(names::find).filter(|m| m.kind == Kind::Histogram),
    }
}

fn label_names(metric: &Metric) -> BTreeSet<&'static str> {
    let own = metric.labels.iter().map(|(name, _)| *name);
    own.chain(TARGET).filter(|l| *l != "le" || metric.kind == Kind::Histogram).collect()
}

/// What is wrong with an expression; the metrics that it names.
fn read(expr: &str) -> Result<Vec<&'static Metric>, String> {
    balanced(expr)?;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut metrics: Vec<&'static Metric> = Vec::new();
    let mut groupings: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(c) = expr[at..].chars().next() {
        if c.is_ascii_digit() || c == '$' || c == '[' {
            // A number, a variable of Grafana, or a range.
            let end = |c: char| if c == '[' { ']' } else { ' ' };
            let rest = &expr[at..];
            at += match c {
                '[' => {
                    let range = &rest[1..rest.find(end(c)).unwrap()];
                    let good = range == "$__rate_interval"
                        || (range.len() > 1
                            && range[..range.len() - 1].parse::<u32>().is_ok()
                            && range.ends_with(['s', 'm', 'h']));
                    if !good {
                        return Err(format!("the range [{range}] is none"));
                    }
                    range.len() + 2
                }
                _ => rest.find(|c: char| !word(c) && c != '.' && c != '$').unwrap_or(rest.len()),
            };
        } else if word(c) {
            let name = &expr[at..][..expr[at..].find(|c| !word(c)).unwrap_or(expr.len() - at)];
            at += name.len();
            let rest = expr[at..].trim_start();
            if name == "by" {
                let list = rest.strip_prefix('(').and_then(|r| r.split(')').next()).ok_or("`by` without a list")?;
                groupings.extend(list.split(',').map(str::trim));
                at += expr[at..].find(')').unwrap() + 1;
            } else if FUNCTIONS.contains(&name) {
                if name != "and" && !rest.starts_with('(') && !rest.starts_with("by") {
                    return Err(format!("{name} without an argument"));
                }
            } else if name == "up" || name == "instance" {
                at += matchers(rest, None, expr, at)?;
            } else {
                let found = metric(name).ok_or_else(|| format!("{name} is no metric"))?;
                at += matchers(rest, Some(found), expr, at)?;
                metrics.push(found);
            }
        } else if " ()+-*/<>=!,".contains(c) {
            at += 1;
        } else {
            return Err(format!("'{c}' has no place here"));
        }
    }
    for label in groupings {
        if let Some(without) = metrics.iter().find(|m| !label_names(m).contains(label)) {
            return Err(format!("{} has no label {label}", without.name));
        }
    }
    Ok(metrics)
}

/// Reads `{label="value",…}` if it follows; gives how much of the expression it took.
fn matchers(rest: &str, of: Option<&Metric>, expr: &str, at: usize) -> Result<usize, String> {
    let Some(inner) = rest.strip_prefix('{') else { return Ok(0) };
    let inner = inner.split('}').next().unwrap_or_default();
    for one in inner.split(',') {
        let (label, value) = one.split_once(['=', '!']).ok_or_else(|| format!("{one} is no matcher"))?;
        let value = value.trim_start_matches(['=', '~']).trim_matches('"');
        let Some(of) = of else { continue };
        if !label_names(of).contains(label) {
            return Err(format!("{} has no label {label}", of.name));
        }
        let known = of.labels.iter().find(|(l, _)| *l == label).map_or(&[][..], |(_, values)| *values);
        if !known.is_empty() && !known.contains(&value) {
            return Err(format!("{}: {label} is never {value}", of.name));
        }
    }
    Ok(expr[at..].find('}').ok_or("a matcher without an end")? + 1)
}

fn balanced(expr: &str) -> Result<(), String> {
    let mut open = Vec::new();
    let mut quoted = false;
    for c in expr.chars() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => open.push(c),
            ')' | ']' | '}' => {
                let wanted = match c {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                if open.pop() != Some(wanted) {
                    return Err(format!("'{c}' closes nothing in {expr}"));
                }
            }
            _ => {}
        }
    }
    if open.is_empty() && !quoted { Ok(()) } else { Err(format!("something is left open in {expr}")) }
}

#[test]
fn the_reader_refuses_what_prometheus_would_or_what_is_not_there() {
    for good in [
        "sum by (tier) (rate(skyeye_node_looks_total{instance=~\"$instance\"}[$__rate_interval]))",
        "histogram_quantile(0.99, sum by (instance, le) (rate(skyeye_infer_age_seconds_bucket[5m]))) > 0.5",
        "up{job=\"skyeye\"} == 0",
        "1 - skyeye_channel_state{state!=\"disabled\"} > 0.1",
    ] {
        read(good).unwrap_or_else(|e| panic!("{good}: {e}"));
    }
    for bad in [
        "skyeye_nodes_looks_total",
        "sum(skyeye_node_looks_total",
        "sum(skyeye_node_looks_total))",
        "sum by (camera) (skyeye_node_looks_total)",
        "sum by (le) (skyeye_node_looks_total)",
        "skyeye_channel_state{colour=\"red\"}",
        "skyeye_channel_state{state=\"asleep\"}",
        "rate(skyeye_infer_age_seconds[5m])",
        "rate(skyeye_node_looks_total_bucket[5m])",
        "rate(skyeye_node_looks_total[5x])",
        "sum skyeye_node_looks_total",
        "integrate(skyeye_node_looks_total)",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_dashboard_shows_metrics_that_exist() {
    let dashboard: Value = serde_json::from_str(&deploy("grafana-dashboard.json")).unwrap();
    let variables: Vec<_> = dashboard["templating"]["list"].as_array().unwrap().iter().map(|v| &v["name"]).collect();
    assert_eq!(variables, ["datasource", "instance"]);
    read(dashboard["templating"]["list"][1]["definition"].as_str().unwrap()).unwrap();
    let mut ids = BTreeSet::new();
    let mut shown = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id stands twice");
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        for target in panel["targets"].as_array().unwrap() {
            let expr = target["expr"].as_str().unwrap();
            let metrics = read(expr).unwrap_or_else(|e| panic!("{title}: {e}: {expr}"));
            assert!(!metrics.is_empty(), "{title}: {expr}");
            // A counter shown as it is says nothing.
            for m in metrics.iter().filter(|m| m.kind == Kind::Counter) {
                assert!(expr.contains(&format!("rate({}", m.name)), "{title}: {} without a rate", m.name);
            }
            let legend = target["legendFormat"].as_str().unwrap();
            for label in legend.split("{{").skip(1).map(|l| l.split("}}").next().unwrap()) {
                assert!(
                    expr.contains(&format!("by ({label}")) || expr.contains(&format!(", {label}")),
                    "{title}: {legend}"
                );
            }
            shown.extend(metrics.iter().map(|m| m.name));
        }
    }
    // What the box is judged by must not fall off the page.
    for name in [
        "age_seconds",
        "skyeye_schedule_dropped",
        "skyeye_node_blind_looks",
        "skyeye_schedule_floors",
        "skyeye_outbox_bytes",
        "skyeye_node_cpu",
        "skyeye_hook_delivered",
        "skyeye_hook_failed",
        "skyeye_hook_given_up",
        "skyeye_hook_missed",
        "skyeye_hook_lag",
        "skyeye_hook_failing",
        "skyeye_config_refused",
    ] {
        assert!(shown.iter().any(|m| m.contains(name)), "nothing shows {name}");
    }
}

#[test]
fn every_alert_rule_is_whole_and_asks_for_metrics_that_exist() {
    let text = deploy("prometheus-alerts.yml");
    assert!(text.lines().all(|l| !l.contains('\t') && l.trim_end() == l), "tabs or blanks at an end");
    let mut names = BTreeSet::new();
    let rules = text.split("\n      - alert: ").skip(1);
    for rule in rules {
        let name = rule.lines().next().unwrap();
        assert!(names.insert(name.to_owned()), "{name} stands twice");
        let field = |key: &str| {
            let mut found = rule.lines().filter_map(|l| l.strip_prefix(&format!("{key}: ")));
            let value = found.next().unwrap_or_else(|| panic!("{name} has no {}", key.trim()));
            assert!(found.next().is_none(), "{name} has two of {}", key.trim());
            value.to_owned()
        };
        let expr = field("        expr");
        // Not quoted, so it must not hold what YAML would take for something else.
        assert!(
            !expr.contains(": ") && !expr.contains(" #") && !expr.starts_with(['"', '{', '[', '&', '*']),
            "{name}: {expr}"
        );
        let metrics = read(&expr).unwrap_or_else(|e| panic!("{name}: {e}: {expr}"));
        assert!(!metrics.is_empty() || expr.starts_with("up{"), "{name}");
        assert!(["critical", "warning", "info"].contains(&field("          severity").as_str()), "{name}");
        for key in ["          summary", "          description"] {
            let value = field(key);
            let inner =
                value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or_else(|| panic!("{name}: {value}"));
            assert!(
                !inner.contains('"') && inner.matches("{{").count() == inner.matches("}}").count(),
                "{name}: {value}"
            );
            for label in inner.split("$labels.").skip(1) {
                let label: String = label.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                // An aggregation keeps only what it groups by.
                let kept = !expr.contains("sum")
                    || expr.contains(&format!("({label}"))
                    || expr.contains(&format!(", {label}"));
                assert!(
                    kept && (label == "instance" || metrics.iter().all(|m| label_names(m).contains(label.as_str()))),
                    "{name}: {label}"
                );
            }
        }
        for line in rule.lines().skip(1).filter(|l| !l.is_empty()) {
            let depth = line.len() - line.trim_start().len();
            let known = ["expr:", "for:", "labels:", "annotations:", "severity:", "summary:", "description:"];
            let key = known.iter().find(|k| line.trim_start().starts_with(**k));
            assert!(key.is_some() && (depth == 8 || depth == 10), "{name}: {line}");
        }
        if rule.contains("        for:") {
            let time = field("        for");
            assert!(time[..time.len() - 1].parse::<u32>().is_ok() && time.ends_with(['s', 'm', 'h']), "{name}: {time}");
        }
    }
    assert!(names.len() >= 15, "{names:?}");
}
