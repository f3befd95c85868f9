//! Looking alerts up by anything, newest first, a page by the place where the one before ended; and counting them.
//!
//! Whatever is asked, one condition decides (`DECIDES`): it reads only the index `alert_found`, never a payload. What
//! differs is the way there: along one index that leads to few alerts, in the order of the answer. Where several would,
//! the one with the fewest is taken (`way`). Time is a span of places first (`alert_hour`). So every combination is
//! right; a combination of which no part is rare reads on until the page is full or the reader's time is over.
//!
//! Areas, channel, rule, type and text lead by one index of words (`words`, kept by `upkeep`), which cuts across them
//! by itself. A login's areas go into the query: a page is full of what it may see.

mod upkeep;
pub mod words;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, query::QueryAs, sqlite::SqliteArguments};

pub use self::upkeep::{fill, forget, forget_hours, index};
use self::upkeep::{HOUR_MS, unfilled};
use super::{StoreError, alerts::parse, id_of, ids, severity_number};
use crate::types::{
    AlertId, AreaId, Wall,
    find::{CountBy, Find, InState},
    handling::ResultCode,
    payload::{AlertPayload, AlertState},
};

/// A way with fewer alerts than this is taken without a look at what else restricts.
const FEW: i64 = 20_000;
/// Groups of one count.
const GROUPS: u32 = 5000;
/// Alerts by time are counted in pieces of this length: every time zone's hours and days begin with one.
pub const QUARTER_MS: i64 = 900_000;

/// The condition behind each way. ?1, ?2: places before and from; ?3, ?4: opened from and before; ?5 to ?15: what is
/// looked for, NULL: no matter.
const DECIDES: &str = "a.opened_ms >= ?3 AND a.opened_ms < ?4
    AND (?5 IS NULL OR a.channel = ?5) AND (?6 IS NULL OR a.kind = ?6) AND (?7 IS NULL OR a.priority = ?7)
    AND (?8 IS NULL OR a.state = ?8) AND (NOT ?9 OR a.state <> 'closed') AND (?10 IS NULL OR a.result = ?10)
    AND (?11 IS NULL OR a.owner = ?11) AND (?12 IS NULL OR a.rule = ?12) AND (?13 IS NULL OR a.position = ?13)
    AND (?14 IS NULL OR instr('/' || a.area || '/', '/' || ?14 || '/') > 0)
    AND (?15 IS NULL OR EXISTS (SELECT 1 FROM json_each(?15) w
                                WHERE instr('/' || a.area || '/', '/' || w.value || '/') > 0))";
/// What alerts are counted by, ?18.
const COUNTED: &str = "CASE ?18 WHEN 'time' THEN a.opened_ms / 900000 WHEN 'type' THEN a.kind WHEN 'area' THEN a.area
    WHEN 'channel' THEN a.channel WHEN 'rule' THEN a.rule WHEN 'result' THEN coalesce(a.result, '')
    ELSE a.priority END";

/// How alerts are come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Way {
    /// One after the other.
    All,
    Words,
    Outcome,
    Result,
    State,
    Open,
    Owner,
    Channel,
    Critical,
}

impl Way {
    const EVERY: [Way; 9] = [
        Way::All,
        Way::Words,
        Way::Outcome,
        Way::Result,
        Way::State,
        Way::Open,
        Way::Owner,
        Way::Channel,
        Way::Critical,
    ];

    /// The index over `alert`, and what it is asked for.
    fn index(self) -> Option<(&'static str, &'static str)> {
        match self {
            Way::All | Way::Words => None,
            Way::Outcome => Some(("alert_outcome", "d.state = ?8 AND d.result = ?10")),
            Way::Result => Some(("alert_result", "d.result = ?10")),
            Way::State => Some(("alert_state", "d.state = ?8")),
            Way::Open => Some(("alert_open", "d.state <> 'closed'")),
            Way::Owner => Some(("alert_owner", "d.owner = ?11")),
            Way::Channel => Some(("alert_channel", "d.channel = ?5")),
            Way::Critical => Some(("alert_critical", "d.priority >= 3")),
        }
    }

    /// Where alerts stand along it, from which tables, and under which condition that is its own.
    fn parts(self) -> (&'static str, String, String) {
        match (self, self.index()) {
            (_, Some((index, only))) => (
                "d.opened_cursor",
                format!("alert d INDEXED BY {index}"),
                format!("{only} AND d.opened_cursor < ?1 AND d.opened_cursor >= ?2"),
            ),
            (Way::Words, None) => (
                "d.rowid",
                "alert_text d".to_owned(),
                "d.alert_text MATCH ?16 AND d.rowid < ?1 AND d.rowid >= ?2".to_owned(),
            ),
            (_, None) => (
                "a.opened_cursor",
                "alert a INDEXED BY alert_found".to_owned(),
                "a.opened_cursor < ?1 AND a.opened_cursor >= ?2".to_owned(),
            ),
        }
    }
}

/// The texts of one way; made of constants only.
struct Texts {
    /// At most ?17 alerts.
    page: Arc<str>,
    /// At most ?17 groups.
    count: Arc<str>,
    /// How many the way leads to, at most ?17.
    few: Arc<str>,
}

static TEXTS: LazyLock<BTreeMap<Way, Texts>> = LazyLock::new(|| Way::EVERY.map(|way| (way, texts(way))).into());

fn texts(way: Way) -> Texts {
    let (place, from, only) = way.parts();
    let few = format!("SELECT count(*) FROM (SELECT 1 FROM {from} WHERE {only} LIMIT ?17)").into();
    let from = match way {
        Way::All => format!("{from} WHERE {only}"),
        Way::Words => format!("{from} CROSS JOIN alert a INDEXED BY alert_found ON a.opened_cursor = {place} WHERE {only}"),
        _ => format!(
            "{from} CROSS JOIN alert a INDEXED BY alert_found ON a.opened_cursor = {place} WHERE {only}
             AND (?16 IS NULL OR EXISTS (SELECT 1 FROM alert_text t WHERE t.alert_text MATCH ?16 AND t.rowid = {place}))"
        ),
    };
    Texts {
        page: format!("SELECT {place}, a.payload FROM {from} AND {DECIDES} ORDER BY {place} DESC LIMIT ?17").into(),
        count: format!(
            "SELECT CAST({COUNTED} AS TEXT) AS what, count(*) AS many FROM {from} AND {DECIDES}
             GROUP BY what ORDER BY many DESC, what LIMIT ?17"
        )
        .into(),
        few,
    }
}

/// What is asked, by whom.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub find: &'a Find,
    /// Subtrees that may be seen; `None`: everything.
    pub within: Option<&'a [AreaId]>,
}

/// A page of what was found, newest first, each with its place.
#[derive(Debug, Default)]
pub struct Found {
    pub alerts: Vec<(i64, AlertPayload)>,
    /// Alerts from before the index of words are still being entered: a text finds only the newer ones.
    pub filling: bool,
}

/// A count of one group: what it is, and how many.
pub type Group = (String, i64);

/// Alerts counted by one thing, the most first.
#[derive(Debug, Default)]
pub struct Counted {
    pub groups: Vec<Group>,
    /// There are more groups than these.
    pub more: bool,
    /// As in `Found`.
    pub filling: bool,
}

/// An ask as it is bound, and its way.
struct Bound<'a> {
    find: &'a Find,
    before: i64,
    lowest: i64,
    area: Option<&'a AreaId>,
    within: Option<String>,
    words: Option<String>,
    filling: bool,
    way: Way,
}

type Query<'q, O> = QueryAs<'q, Sqlite, O, SqliteArguments>;

impl Bound<'_> {
    fn query<O>(&self, text: &Arc<str>, limit: i64, by: Option<&'static str>) -> Query<'static, O>
    where
        O: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>,
    {
        let f = self.find;
        let state = match f.state {
            Some(InState::Is(state)) => Some(state.as_str()),
            Some(InState::Open) | None => None,
        };
        sqlx::query_as(AssertSqlSafe(text.clone()))
            .bind(self.before)
            .bind(self.lowest)
            .bind(f.from.map_or(i64::MIN, |t| t.0))
            .bind(f.to.map_or(i64::MAX, |t| t.0))
            .bind(f.channel.as_ref().map(|c| c.as_str().to_owned()))
            .bind(f.kind.clone())
            .bind(f.priority.map(severity_number))
            .bind(state)
            .bind(f.state == Some(InState::Open))
            .bind(f.result.map(ResultCode::as_str))
            .bind(f.owner.as_ref().map(|o| o.as_str().to_owned()))
            .bind(f.rule.as_ref().map(|r| r.as_str().to_owned()))
            .bind(f.position.as_ref().map(|p| p.as_str().to_owned()))
            .bind(self.area.map(|a| a.as_str().to_owned()))
            .bind(self.within.clone())
            .bind(self.words.clone())
            .bind(limit)
            .bind(by)
    }

    fn texts(&self) -> &'static Texts {
        &TEXTS[&self.way]
    }
}

/// The span of places between which the alerts of a time stand; `None`: there are none.
async fn span(conn: &mut SqliteConnection, find: &Find) -> sqlx::Result<Option<(i64, i64)>> {
    let hour = |t: Wall| t.0.div_euclid(HOUR_MS);
    let (first, last): (Option<i64>, Option<i64>) =
        sqlx::query_as("SELECT min(first), max(last) FROM alert_hour WHERE hour BETWEEN ? AND ?")
            .bind(find.from.map_or(i64::MIN, hour))
            .bind(find.to.map_or(i64::MAX, hour))
            .fetch_one(conn)
            .await?;
    Ok(first.zip(last))
}

/// What the index of words is asked for, as its own language has it; `None`: nothing.
fn words_of(ask: Ask<'_>) -> Option<String> {
    let f = ask.find;
    let facet = |kind, id: &str| format!("\"{}\"", words::facet(kind, &id.replace('"', "")));
    let mut all: Vec<String> = words::wanted(&f.text).into_iter().map(|phrase| format!("\"{phrase}\"")).collect();
    all.extend(f.channel.as_ref().map(|c| facet('c', c.as_str())));
    all.extend(f.rule.as_ref().map(|r| facet('r', r.as_str())));
    all.extend(f.kind.as_ref().map(|k| facet('t', k)));
    all.extend(f.area.as_ref().map(|a| facet('a', a.as_str())));
    if let Some(roots) = ask.within {
        let any: Vec<String> = roots.iter().map(|root| facet('a', root.as_str())).collect();
        all.push(format!("({})", any.join(" OR ")));
    }
    (!all.is_empty()).then(|| all.join(" AND "))
}

/// The ways that lead to all that is asked for, those that usually lead to fewest first.
fn ways(ask: Ask<'_>, words: bool) -> Vec<Way> {
    let f = ask.find;
    let is = match f.state {
        Some(InState::Is(state)) => Some(state),
        _ => None,
    };
    let applies = |way: &Way| match way {
        Way::Outcome => is.is_some() && f.result.is_some(),
        Way::Result => f.result.is_some() && is.is_none(),
        // Closed is nearly everything.
        Way::State => f.result.is_none() && is.is_some_and(|s| s != AlertState::Closed),
        Way::Open => f.state == Some(InState::Open),
        Way::Owner => f.owner.is_some(),
        Way::Channel => f.channel.is_some(),
        Way::Critical => f.priority == Some(crate::types::Severity::Critical),
        Way::Words => words,
        Way::All => false,
    };
    Way::EVERY.into_iter().filter(applies).collect()
}

/// Makes an ask ready; `None`: nothing can be found.
async fn bind<'a>(conn: &mut SqliteConnection, ask: Ask<'a>, before: i64) -> Result<Option<Bound<'a>>, StoreError> {
    if ask.within.is_some_and(<[AreaId]>::is_empty) {
        return Ok(None);
    }
    let Some((lowest, highest)) = span(conn, ask.find).await? else { return Ok(None) };
    let filling = unfilled(conn).await?.is_some();
    let within = ask.within.map(|roots| serde_json::to_string(roots).unwrap_or_else(|_| "[]".into()));
    let text = !ask.find.text.trim().is_empty();
    // As long as the words do not hold every alert, only what is not in any other column is looked up by them.
    let use_words = text || !filling;
    let words = words_of(ask).filter(|_| use_words);
    let mut bound = Bound {
        find: ask.find,
        before: before.min(highest.saturating_add(1)),
        lowest,
        area: ask.find.area.as_ref(),
        within,
        words,
        filling,
        way: Way::All,
    };
    bound.way = way(conn, &bound, ways(ask, bound.words.is_some())).await?;
    if bound.way != Way::Words && !text {
        // The condition decides that itself, and quicker.
        bound.words = None;
    } else if bound.way == Way::Words {
        // These are among the words already.
        (bound.area, bound.within) = (None, None);
    }
    Ok(Some(bound))
}

/// The way that leads to the fewest alerts, as far as that is quickly known.
async fn way(conn: &mut SqliteConnection, bound: &Bound<'_>, ways: Vec<Way>) -> Result<Way, StoreError> {
    if let [] | [_] = ways[..] {
        return Ok(ways.first().copied().unwrap_or(Way::All));
    }
    let mut best = None;
    for way in &ways {
        let (n,): (i64,) = bound.query(&TEXTS[way].few, FEW, None).fetch_one(&mut *conn).await?;
        if n < FEW && best.is_none_or(|(least, _)| n < least) {
            best = Some((n, *way));
        }
    }
    // If none is rare: the words, for what cuts across each other is cut there.
    let words = ways.iter().copied().find(|w| *w == Way::Words);
    Ok(best.map(|(_, way)| way).or(words).unwrap_or(ways[0]))
}

/// Alerts before a place, newest first.
pub async fn page(conn: &mut SqliteConnection, ask: Ask<'_>, before: i64, limit: i64) -> Result<Found, StoreError> {
    let Some(bound) = bind(conn, ask, before).await? else { return Ok(Found::default()) };
    let rows: Vec<(i64, Vec<u8>)> = bound.query(&bound.texts().page, limit, None).fetch_all(conn).await?;
    let alerts = rows.into_iter().map(|(place, payload)| Ok((place, parse(&payload)?))).collect::<Result<_, StoreError>>()?;
    Ok(Found { alerts, filling: bound.filling && bound.words.is_some() })
}

/// How many alerts there are of each kind; by time: of each quarter of an hour that there are any in, by its number since
/// 1970.
pub async fn count(conn: &mut SqliteConnection, ask: Ask<'_>, by: CountBy) -> Result<Counted, StoreError> {
    let Some(bound) = bind(conn, ask, i64::MAX).await? else { return Ok(Counted::default()) };
    let (by, most) = match by {
        // Half a year of quarters.
        CountBy::Hour | CountBy::Day => ("time", 4 * GROUPS),
        CountBy::Type => ("type", GROUPS),
        CountBy::Area => ("area", GROUPS),
        CountBy::Channel => ("channel", GROUPS),
        CountBy::Rule => ("rule", GROUPS),
        CountBy::Result => ("result", GROUPS),
        CountBy::Priority => ("priority", GROUPS),
    };
    let mut groups: Vec<Group> =
        bound.query(&bound.texts().count, i64::from(most) + 1, Some(by)).fetch_all(conn).await?;
    let most = most as usize;
    let more = groups.len() > most;
    groups.truncate(most);
    Ok(Counted { groups, more, filling: bound.filling && bound.words.is_some() })
}

/// What people wrote of alerts, for an export: alert and note, in the order of writing.
pub async fn notes(conn: &mut SqliteConnection, alerts: &[AlertId]) -> sqlx::Result<Vec<(AlertId, String)>> {
    let rows: Vec<(Vec<u8>, String)> = sqlx::query_as(
        "SELECT alert, note FROM alert_change WHERE alert IN (SELECT unhex(value) FROM json_each(?))
           AND author IS NOT NULL AND note IS NOT NULL ORDER BY alert, rev",
    )
    .bind(ids(alerts.iter().map(|a| a.0)))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|(id, note)| Ok((AlertId(id_of(&id)?), note))).collect()
}
