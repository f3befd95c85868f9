//! Texts as the words that the index holds. Chinese, Japanese and Korean have no blanks between words, so a run of such
//! characters stands as all its pairs, in order: a run that is looked for is a phrase of its pairs, and two characters
//! are found as quickly as a word. Single ones stand at the end, once each. Everything else is a word from blank to
//! blank, in lower case.
//!
//! Our words hold letters and digits only. What else stands in the index (areas, channels: `facet`) has a colon and
//! cannot be typed.

/// Stands between runs, so that no phrase reaches over a gap.
const GAP: &str = "_";
/// Characters of a word; what is longer is cut, in the index and in what is looked for.
const MAX_WORD: usize = 64;

#[derive(Debug, PartialEq, Eq)]
enum Run {
    Word(String),
    /// Characters that stand without blanks.
    Joined(Vec<char>),
}

fn is_joined(c: char) -> bool {
    matches!(u32::from(c), 0x1100..=0x11ff | 0x2e80..=0x9fff | 0xa960..=0xa97f | 0xac00..=0xd7ff | 0xf900..=0xfaff
        | 0x20000..=0x3ffff)
}

/// Full-width letters and digits are the plain ones.
fn narrow(c: char) -> char {
    match u32::from(c) {
        n @ 0xff01..=0xff5e => char::from_u32(n - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

fn runs(text: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    let (mut word, mut joined) = (String::new(), Vec::new());
    // The blank at the end closes the last run.
    for c in text.chars().map(narrow).chain([' ']) {
        let is_joined = is_joined(c) && c.is_alphanumeric();
        let is_word = !is_joined && c.is_alphanumeric();
        if !is_joined && !joined.is_empty() {
            runs.push(Run::Joined(std::mem::take(&mut joined)));
        }
        if !is_word && !word.is_empty() {
            let cut: String = word.chars().take(MAX_WORD).collect();
            runs.push(Run::Word(cut));
            word.clear();
        }
        if is_joined {
            joined.push(c);
        } else if is_word {
            word.extend(c.to_lowercase());
        }
    }
    runs
}

fn pairs(joined: &[char]) -> impl Iterator<Item = String> {
    joined.windows(2).map(|pair| pair.iter().collect())
}

/// A fact that is looked up whole, e.g. `a:north`; ids hold only `[a-z0-9._-]`.
pub fn facet(kind: char, id: &str) -> String {
    format!("{kind}:{id}")
}

/// What the index holds of these facets and texts.
pub fn body<'a>(facets: impl IntoIterator<Item = String>, texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut words: Vec<String> = facets.into_iter().collect();
    let mut singles = std::collections::BTreeSet::new();
    for run in texts.into_iter().flat_map(runs) {
        match run {
            Run::Word(word) => words.push(word),
            Run::Joined(joined) => {
                words.push(GAP.into());
                words.extend(pairs(&joined));
                singles.extend(joined);
            }
        }
    }
    words.extend(singles.into_iter().map(String::from));
    words.join(" ")
}

/// The phrases that all have to be in an alert's body; none if the text holds no letter and no digit.
pub fn wanted(text: &str) -> Vec<String> {
    let phrase = |run| match run {
        Run::Word(word) => word,
        Run::Joined(joined) if joined.len() == 1 => joined.into_iter().collect(),
        Run::Joined(joined) => pairs(&joined).collect::<Vec<_>>().join(" "),
    };
    runs(text).into_iter().map(phrase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_without_blanks_stand_as_pairs_and_all_else_as_words() {
        assert_eq!(body([facet('a', "north")], ["消防通道 Gate-01"]), "a:north _ 消防 防通 通道 gate 01 消 通 道 防");
        assert_eq!(body([], ["路 口"]), "_ _ 口 路");
        assert_eq!(wanted("消防通 东 ＧＡＴＥ！"), ["消防 防通", "东", "gate"]);
        assert_eq!(wanted("3号楼"), ["3", "号楼"]);
        assert_eq!(wanted(" -\"*: "), Vec::<String>::new());
        assert_eq!(wanted(&"x".repeat(100)), ["x".repeat(MAX_WORD)]);
    }

    #[test]
    fn nothing_that_is_typed_reaches_a_facet_or_the_syntax() {
        for text in ["a:north", "\"消防\" OR 通道*", "_", "NOT {body}: (x)"] {
            assert!(wanted(text).iter().all(|p| p.chars().all(|c| c.is_alphanumeric() || c == ' ')), "{text}");
        }
    }
}
