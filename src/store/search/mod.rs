//! Looking alerts up by anything, newest first, a page by the place where the one before ended; and counting them.
//!
//! Whatever is asked, the same conditions decide: they read only the index `alert_found`, never a payload. What
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

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, query::QueryAs, sqlite::SqliteArguments};

use self::upkeep::{HOUR_MS, unfilled};
pub use self::upkeep::{fill, forget, forget_hours, index};
use super::{StoreError, alerts::parse, id_of, ids, severity_number};
use crate::types::{
    AlertId, AreaId, Wall,
    find::{CountBy, Find, InState},
    handling::ResultCode,
    payload::{AlertPayload, AlertState},
};

/// A way with fewer alerts than this is taken without a look at what else restricts.
const FEW: i64 = 20_000;
/// Places that are counted at once.
const PIECE: i64 = 200_000;
/// Groups of one count: channels and areas of the largest district, and the quarters of an hour of more than half a year.
const MAX_GROUPS: usize = 20_000;
const MAX_QUARTERS: usize = 20_000;
/// Alerts by time are counted in pieces of this length: every time zone's hours and days begin with one.
pub const QUARTER_MS: i64 = 900_000;

/// What is asked about its tables and bound by its number, one for each filter that is given. ?1, ?2: places before and
/// from; ?16: words; ?17: limit.
mod condition {
    pub const FROM: &str = " AND a.opened_ms >= ?3";
    pub const TO: &str = " AND a.opened_ms < ?4";
    pub const CHANNEL: &str = " AND a.channel = ?5";
    pub const KIND: &str = " AND a.kind = ?6";
    pub const PRIORITY: &str = " AND a.priority = ?7";
    pub const STATE: &str = " AND a.state = ?8";
    pub const OPEN: &str = " AND a.state <> 'closed'";
    pub const RESULT: &str = " AND a.result = ?10";
    pub const OWNER: &str = " AND a.owner = ?11";
    pub const RULE: &str = " AND a.rule = ?12";
    pub const POSITION: &str = " AND a.position = ?13";
    pub const AREA: &str = " AND instr('/' || a.area || '/', '/' || ?14 || '/') > 0";
    pub const WITHIN: &str = " AND EXISTS (SELECT 1 FROM json_each(?15) w
                                            WHERE instr('/' || a.area || '/', '/' || w.value || '/') > 0)";
    pub const WORDS: &str =
        " AND EXISTS (SELECT 1 FROM alert_text t WHERE t.alert_text MATCH ?16 AND t.rowid = d.opened_cursor)";
}

/// What alerts are counted by.
fn counted(by: CountBy) -> &'static str {
    match by {
        CountBy::Hour | CountBy::Day => "a.opened_ms / 900000",
        CountBy::Type => "a.kind",
        CountBy::Area => "a.area",
        CountBy::Channel => "a.channel",
        CountBy::Rule => "a.rule",
        CountBy::Result => "coalesce(a.result, '')",
        CountBy::Priority => "a.priority",
    }
}

/// How alerts are come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Of those that lead to as many the first is taken: one index of numbers is quicker than a cut of lists of words.
    const EVERY: [Way; 9] = [
        Way::All,
        Way::Outcome,
        Way::Result,
        Way::State,
        Way::Open,
        Way::Owner,
        Way::Channel,
        Way::Critical,
        Way::Words,
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
    /// Those among them whose record cannot be read; `skyeye store check` names them, too.
    pub unreadable: Vec<AlertId>,
    /// Where the next page begins: behind the last row that was read, whether or not it could be; `None` at the end.
    pub next: Option<i64>,
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

type Query<O> = QueryAs<'static, Sqlite, O, SqliteArguments>;

impl Bound<'_> {
    fn query<O>(&self, text: String, limit: i64) -> Query<O>
    where
        O: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>,
    {
        let f = self.find;
        let state = match f.state {
            Some(InState::Is(state)) => Some(state.as_str()),
            Some(InState::Open) | None => None,
        };
        sqlx::query_as(AssertSqlSafe(text))
            .bind(self.before)
            .bind(self.lowest)
            .bind(f.from.map(|t| t.0))
            .bind(f.to.map(|t| t.0))
            .bind(f.channel.as_ref().map(|c| c.as_str().to_owned()))
            .bind(f.kind.clone())
            .bind(f.priority.map(severity_number))
            .bind(state)
            // Nothing has this number.
            .bind(None::<i64>)
            .bind(f.result.map(ResultCode::as_str))
            .bind(f.owner.as_ref().map(|o| o.as_str().to_owned()))
            .bind(f.rule.as_ref().map(|r| r.as_str().to_owned()))
            .bind(f.position.as_ref().map(|p| p.as_str().to_owned()))
            .bind(self.area.map(|a| a.as_str().to_owned()))
            .bind(self.within.clone())
            .bind(self.words.clone())
            .bind(limit)
    }

    /// Where the alerts come from and what decides, made of constants.
    fn of(&self) -> String {
        use condition as c;
        let f = self.find;
        let (place, from, only) = self.way.parts();
        let mut text = match self.way {
            Way::All => format!("{from} WHERE {only}"),
            _ => format!("{from} CROSS JOIN alert a INDEXED BY alert_found ON a.opened_cursor = {place} WHERE {only}"),
        };
        let given = [
            (c::FROM, f.from.is_some()),
            (c::TO, f.to.is_some()),
            (c::CHANNEL, f.channel.is_some()),
            (c::KIND, f.kind.is_some()),
            (c::PRIORITY, f.priority.is_some()),
            (c::STATE, matches!(f.state, Some(InState::Is(_)))),
            (c::OPEN, f.state == Some(InState::Open)),
            (c::RESULT, f.result.is_some()),
            (c::OWNER, f.owner.is_some()),
            (c::RULE, f.rule.is_some()),
            (c::POSITION, f.position.is_some()),
            (c::AREA, self.area.is_some()),
            (c::WITHIN, self.within.is_some()),
            // Along another index what is written is looked at alert by alert.
            (c::WORDS, self.words.is_some() && self.way.index().is_some()),
        ];
        text.extend(given.iter().filter(|(_, is)| *is).map(|(condition, _)| *condition));
        text
    }

    /// At most ?17 alerts, newest first.
    fn page(&self) -> String {
        let (place, ..) = self.way.parts();
        format!("SELECT {place}, a.id, a.payload FROM {} ORDER BY {place} DESC LIMIT ?17", self.of())
    }

    fn count(&self, by: CountBy) -> String {
        format!(
            "SELECT CAST(what AS TEXT), many FROM (SELECT {} AS what, count(*) AS many FROM {} GROUP BY what)",
            counted(by),
            self.of()
        )
    }
}

/// How many alerts a way leads to, at most ?17.
fn few(way: Way) -> String {
    let (_, from, only) = way.parts();
    format!("SELECT count(*) FROM (SELECT 1 FROM {from} WHERE {only} LIMIT ?17)")
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

/// The ways that lead to all that is asked for.
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
        let (n,): (i64,) = bound.query(few(*way), FEW).fetch_one(&mut *conn).await?;
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
    let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = bound.query(bound.page(), limit).fetch_all(conn).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|n| n >= limit);
    let mut found = Found {
        next: rows.last().map(|(place, ..)| *place).filter(|_| full),
        filling: bound.filling && bound.words.is_some(),
        ..Found::default()
    };
    for (place, id, payload) in rows {
        match parse(&payload) {
            Ok(alert) => found.alerts.push((place, alert)),
            Err(e) => {
                let id = AlertId(id_of(&id)?);
                tracing::warn!("the alert {id} is left out of what is found: {e}");
                found.unreadable.push(id);
            }
        }
    }
    Ok(found)
}

/// How many alerts there are of each kind, the most first; by time: of each quarter of an hour that there are any in, by
/// its number since 1970. Read piece by piece, so that what is grouped fits into the reader's memory.
pub async fn count(conn: &mut SqliteConnection, ask: Ask<'_>, by: CountBy) -> Result<Counted, StoreError> {
    let Some(mut bound) = bind(conn, ask, i64::MAX).await? else { return Ok(Counted::default()) };
    let mut all: HashMap<String, i64> = HashMap::new();
    let (lowest, end) = (bound.lowest, bound.before);
    bound.before = lowest;
    while bound.before < end {
        bound.lowest = bound.before;
        bound.before = bound.lowest.saturating_add(PIECE).min(end);
        let groups: Vec<Group> = bound.query(bound.count(by), 0).fetch_all(&mut *conn).await?;
        for (what, many) in groups {
            *all.entry(what).or_default() += many;
        }
    }
    let mut groups: Vec<Group> = all.into_iter().collect();
    groups.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let by_time = matches!(by, CountBy::Hour | CountBy::Day);
    let most = if by_time { MAX_QUARTERS } else { MAX_GROUPS };
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
