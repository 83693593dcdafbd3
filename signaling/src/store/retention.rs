//! Retention is what need not be kept any longer: a log loses its oldest entries, never one in the middle; answers go by age, and when there are too
//! many, those of whoever has the most.

use rusqlite::{Connection, params};

use super::{
    config::StoreConfig,
    ledger::Ledger,
    log::{self, Audits, Events, Log},
    rows::int,
    totals::Totals,
};

/// Takes away a little of what is out of date. Gives whether there may be more. Events from `undelivered` on are still to be told to someone.
pub(super) fn step(
    ledger: &mut Ledger,
    config: &StoreConfig,
    undelivered: Option<u64>,
    now_ms: u64,
) -> rusqlite::Result<bool> {
    let before = |keep: std::time::Duration| now_ms.saturating_sub(u64::try_from(keep.as_millis()).unwrap_or(u64::MAX));
    let events = Bounds { before_ms: before(config.keep_events), most: config.events_max, stop: undelivered };
    let audits = Bounds { before_ms: before(config.keep_audits), most: u64::MAX, stop: None };
    let events = cut::<Events>(ledger, &events)?;
    let audits = cut::<Audits>(ledger, &audits)?;
    let answers = answers(ledger, before(config.keep_answers), config.answers_max)?;
    Ok(events || audits || answers)
}

struct Bounds {
    before_ms: u64,
    most: u64,
    stop: Option<u64>,
}

fn cut<L: Log>(ledger: &mut Ledger, bounds: &Bounds) -> rusqlite::Result<bool> {
    let (first, last) = L::span(&ledger.totals);
    let surplus = (last + 1 - first).saturating_sub(bounds.most);
    let (mut end, mut looked) = (first, 0);
    for entry in log::look::<L>(&ledger.connection, first - 1, ROWS_A_STEP, |_| true)?.found {
        let (id, is_whole) = L::id(&entry);
        let is_out_of_date = id < first + surplus || (is_whole && L::at_ms(&entry) < bounds.before_ms);
        let is_in_doubt = !is_whole;
        if bounds.stop.is_some_and(|stop| id >= stop) || !(is_out_of_date || is_in_doubt) {
            break;
        }
        looked += 1;
        // A damaged entry goes with the next whole one.
        if is_out_of_date {
            end = id + 1;
        }
    }
    if end == first {
        return Ok(false);
    }
    ledger.transact(|to, totals| {
        let sql = format!("DELETE FROM {} WHERE id < ?", L::TABLE);
        to.prepare_cached(&sql)?.execute([int(end)])?;
        *L::first(totals) = int(end);
        Ok(())
    })?;
    Ok(looked >= ROWS_A_STEP)
}

fn answers(ledger: &mut Ledger, before_ms: u64, most: usize) -> rusqlite::Result<bool> {
    let count = |sql: &str, value: i64| ledger.connection.prepare_cached(sql)?.query_row([value], |row| row.get(0));
    let old: i64 = count("SELECT count(*) FROM answers WHERE at_ms < ?", int(before_ms))?;
    if old > 0 {
        let now = old.min(ROWS_A_STEP as i64);
        ledger.transact(|to, totals| oldest_answers(to, totals, now))?;
        return Ok(true);
    }
    let all: i64 = count("SELECT count(*) FROM answers WHERE at_ms >= ?", i64::MIN)?;
    let surplus = all.saturating_sub(i64::try_from(most).unwrap_or(i64::MAX));
    if surplus <= 0 {
        return Ok(false);
    }
    ledger.transact(|to, totals| answers_of_the_busiest(to, totals, surplus.min(ROWS_A_STEP as i64)))?;
    Ok(true)
}

/// Of whoever has the most, and not so many that others would have more then.
fn answers_of_the_busiest(to: &Connection, totals: &mut Totals, count: i64) -> rusqlite::Result<()> {
    let mut statement =
        to.prepare_cached("SELECT whose, count(*) FROM answers GROUP BY whose ORDER BY 2 DESC LIMIT 2")?;
    let counts = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let counts = counts.collect::<rusqlite::Result<Vec<_>>>()?;
    let Some((busiest, most)) = counts.first() else { return Ok(()) };
    let ahead = most - counts.get(1).map_or(0, |(_, next)| *next);
    let mut statement = to.prepare_cached(
        "DELETE FROM answers WHERE whose = ?1 AND key IN \
         (SELECT key FROM answers WHERE whose = ?1 ORDER BY at_ms LIMIT ?2) RETURNING sum",
    )?;
    for sum in statement.query_map(params![busiest, count.min(ahead.max(1))], |row| row.get(0))? {
        totals.went(sum?);
    }
    Ok(())
}

fn oldest_answers(to: &Connection, totals: &mut Totals, count: i64) -> rusqlite::Result<()> {
    let mut statement = to.prepare_cached(
        "DELETE FROM answers WHERE (whose, key) IN (SELECT whose, key FROM answers ORDER BY at_ms LIMIT ?) RETURNING sum",
    )?;
    for sum in statement.query_map(params![count], |row| row.get(0))? {
        totals.went(sum?);
    }
    Ok(())
}

/// How many rows go in one transaction.
const ROWS_A_STEP: usize = 1_000;
