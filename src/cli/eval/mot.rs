//! MOTChallenge text: one box a line, `frame, id, left, top, width, height, confidence, ...`, frames from 1, pixels.
//!
//! Pixels count from 1 in these files, so that the first column of a picture has the left edge 1: the published readers
//! take one off both coordinates, and so does this. A mistake is named by its line.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context, bail};

/// One box of one object in one picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// From 1.
    pub frame: u32,
    pub id: u64,
    /// Left, top, width, height in pixels from 0.
    pub at: [f64; 4],
    pub confidence: f64,
}

/// More rows than any annotated film has; a wrong file must not eat the machine.
const MAX_ROWS: usize = 5_000_000;

pub fn load(path: &Path) -> anyhow::Result<Vec<Row>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    read(&text).with_context(|| path.display().to_string())
}

/// All rows, whatever their confidence, in the order of their frames; within a frame as in the file.
pub fn read(text: &str) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        if rows.len() == MAX_ROWS {
            bail!("more than {MAX_ROWS} lines");
        }
        let row = row(line).with_context(|| format!("line {}", at + 1))?;
        if !seen.insert((row.frame, row.id)) {
            bail!("line {}: the object {} stands twice in frame {}", at + 1, row.id, row.frame);
        }
        rows.push(row);
    }
    rows.sort_by_key(|r| r.frame);
    Ok(rows)
}

fn row(line: &str) -> anyhow::Result<Row> {
    let numbers: Result<Vec<f64>, _> =
        line.split([',', ' ', '\t']).filter(|f| !f.trim().is_empty()).map(|f| f.trim().parse::<f64>()).collect();
    let numbers = numbers.context("not numbers with commas")?;
    let &[frame, id, x, y, w, h, ref rest @ ..] = numbers.as_slice() else {
        bail!("wanted are frame, id, left, top, width, height");
    };
    let whole = |v: f64| v.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&v);
    if !whole(frame) || frame < 1.0 {
        bail!("frames are whole numbers from 1");
    }
    if !whole(id) {
        bail!("ids are whole numbers from 0");
    }
    if ![x, y, w, h].iter().all(|v| v.is_finite()) {
        bail!("a box has four finite numbers");
    }
    let confidence = rest.first().copied().unwrap_or(1.0);
    Ok(Row { frame: frame as u32, id: id as u64, at: [x - 1.0, y - 1.0, w, h], confidence })
}

/// The text of these rows; hundredths of a pixel are kept.
pub fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    for Row { frame, id, at: [x, y, w, h], confidence } in rows {
        let (x, y) = (x + 1.0, y + 1.0);
        text += &format!("{frame},{id},{x:.2},{y:.2},{w:.2},{h:.2},{confidence:.3},-1,-1,-1\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same() {
        let rows = [
            Row { frame: 1, id: 7, at: [0.0, 12.25, 30.5, 80.0], confidence: 0.5 },
            Row { frame: 3, id: 7, at: [-2.5, 12.0, 30.0, 80.0], confidence: 1.0 },
        ];
        assert_eq!(read(&text(&rows)).unwrap(), rows);
        assert!(text(&rows).starts_with("1,7,1.00,13.25,30.50,80.00,0.500,-1,-1,-1\n"));
    }

    #[test]
    fn a_mistake_is_named_by_its_line() {
        for (text, said) in [
            ("1,2,3\n", "wanted are frame"),
            ("1,1,1,2,3,4\n0,1,1,2,3,4\n", "line 2"),
            ("a,1,1,2,3,4\n", "line 1"),
            ("1,1,1,2,3,4\n\n1,1,9,9,3,4\n", "line 3: the object 1 stands twice"),
            ("1,-1,1,2,3,4\n", "ids are"),
            ("1,1,1,2,NaN,4\n", "finite"),
        ] {
            let error = format!("{:#}", read(text).unwrap_err());
            assert!(error.contains(said), "{error}");
        }
    }
}
