//! A plan and a change as a person reads them: counts, and of each kind the first lines.

use serde_json::Value;

use crate::inventory::{ChangeOp, ChangeView, FieldChange, Plan, Planned};

/// Lines of a kind where not all are asked for.
const FIRST: usize = 10;

/// Prints a plan; `all`: every line of it.
pub fn plan(plan: &Plan, filename: &str, all: bool) {
    let shown = if all { usize::MAX } else { FIRST };
    let apart = match plan.delimiter.as_str() {
        "" => String::new(),
        "\t" => ", separated by tabs".into(),
        other => format!(", separated by '{other}'"),
    };
    println!("{filename}: {} rows, {}{apart}", plan.rows, plan.encoding);
    for column in &plan.mapping {
        match &column.field {
            Some(field) if *field == column.heading => {}
            Some(field) => println!("  column '{}' is {field}", column.heading),
            None if column.heading.is_empty() => println!("  column {} is not read: it has no heading", column.column),
            None => println!("  column '{}' is not read", column.heading),
        }
    }
    list("areas to be made", &plan.areas_added, shown, |a| {
        let above = a.parent.as_ref().map(|p| format!(", below {p}")).unwrap_or_default();
        format!("+ {}  {} ({:?}{above})", a.id, a.name, a.kind)
    });
    list("credentials to be made", &plan.credentials_added, shown, |c| format!("+ {}  user {}", c.id, c.username));
    list("added", &plan.added, shown, |p| planned('+', p));
    list("changed", &plan.changed, shown, |p| planned('~', p));
    list("removed", &plan.removed, shown, |n| format!("- {}  {}", n.id, n.name));
    list("refused", &plan.refused, shown, |r| {
        let place = match (r.row, r.column.as_str()) {
            (0, "") => String::new(),
            (0, column) => format!("{column}: "),
            (row, "") => format!("row {row}: "),
            (row, column) => format!("row {row}, {column}: "),
        };
        let value = if r.value.is_empty() { String::new() } else { format!("'{}' ", r.value) };
        format!("! {place}{value}{}", r.reason)
    });
    for note in &plan.notes {
        println!("note: {note}");
    }
    let missing = match (plan.missing, plan.removed.is_empty()) {
        (0, _) | (_, false) => String::new(),
        (n, true) => format!(", {n} not in the file stay (--remove-missing retires them)"),
    };
    println!(
        "{} added, {} changed, {} removed, {} unchanged, {} refused{missing}",
        plan.added.len(),
        plan.changed.len(),
        plan.removed.len(),
        plan.unchanged,
        plan.refused.len()
    );
}

fn list<T>(title: &str, items: &[T], shown: usize, line: impl Fn(&T) -> String) {
    if items.is_empty() {
        return;
    }
    println!("{title}: {}", items.len());
    for item in items.iter().take(shown) {
        println!("  {}", line(item));
    }
    if items.len() > shown {
        println!("  … and {} more (--all shows them)", items.len() - shown);
    }
}

fn planned(sign: char, p: &Planned) -> String {
    let mut text = format!("{sign} row {}  {}  {}", p.row, p.id, p.name);
    for field in p.fields.iter().filter(|f| sign == '~' || f.field != "name") {
        text.push_str(&format!("\n      {}", field_line(field)));
    }
    text
}

fn field_line(f: &FieldChange) -> String {
    match (&f.before, &f.after) {
        (Value::Null, after) => format!("{}: {}", f.field, value(after)),
        (before, after) => format!("{}: {} -> {}", f.field, value(before), value(after)),
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

/// Prints one change of a revision.
pub fn change(change: &ChangeView) {
    let sign = match change.op {
        ChangeOp::Add => '+',
        ChangeOp::Change => '~',
        ChangeOp::Remove => '-',
    };
    println!("{sign} {} {}", change.kind, change.id);
    if change.op != ChangeOp::Remove {
        for field in &change.fields {
            println!("    {}", field_line(field));
        }
    }
}
