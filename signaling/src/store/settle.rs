//! To settle a copy is to make of it what a process of ours leaves when it closes the file in order: one file, verified to the last row.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, chown},
    path::Path,
};

use rusqlite::{Connection, config::DbConfig};

use super::{
    copies::Contents,
    format::{self, Step},
    log::{self, Audits, Events, Log},
    open::{self, Found, Judge, beside},
    query::OpenError,
    totals::{Totals, Use},
};

/// Takes a copy that `VACUUM INTO` made and that lies where the store should. Whatever happens meanwhile, it is there as it was, or settled.
pub(super) fn adopt(path: &Path, steps: &[Step], judge: Judge<'_>) -> Result<(), OpenError> {
    if is_filled(&beside(path, "-wal")) {
        let why = "it is a copy, and the -wal of another file is beside it; move that away";
        return Err(open::damaged(path, why));
    }
    let unfinished = beside(path, "-new");
    copy(path, &unfinished, path)?;
    settle(&unfinished, path, steps, judge)?;
    let place = || {
        for suffix in ["-wal", "-shm"] {
            remove(&beside(path, suffix))?;
        }
        fs::rename(&unfinished, path)?;
        File::open(folder(path))?.sync_all()
    };
    place().map_err(|error| open::io(path, &error))
}

/// Copies a file to `to`, where nothing is kept. The copy has the owner of `named`, whom faults name.
pub(super) fn copy(from: &Path, to: &Path, named: &Path) -> Result<(), OpenError> {
    clear(to)?;
    if beside(from, "-journal").exists() {
        return Err(open::damaged(named, "another program has left a -journal beside it"));
    }
    fs::copy(from, to).map_err(|error| open::io(named, &error))?;
    Ok(())
}

/// Verifies a file that nobody has open, and leaves it as if it had been closed in order. It may be changed even if it is refused. Faults name the
/// file `named`.
pub(super) fn settle(file: &Path, named: &Path, steps: &[Step], judge: Judge<'_>) -> Result<Contents, OpenError> {
    let failed = |error: rusqlite::Error| open::refusal(named, &error);
    let header = open::check_header(file, named, steps)?;
    let length = fs::metadata(file).map_err(|error| open::io(named, &error))?.len();
    if length % header.page_bytes != 0 {
        return Err(open::damaged(named, "it is cut off"));
    }
    let connection = open::connect(file).map_err(failed)?;
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if verdict != "ok" {
        return Err(open::damaged(named, verdict.lines().last().unwrap_or(&verdict)));
    }
    let found = if header.is_copy { Found::Copy } else { Found::WithoutLog };
    let opened = open::examine(connection, named, steps, found, judge)?;
    let (connection, totals) = (opened.connection, Totals { usage: Use::Closed, ..opened.totals });
    totals.save(&connection).map_err(failed)?;
    connection.execute_batch("COMMIT").map_err(failed)?;
    for (log, damaged) in [
        ("log", damaged_in::<Events>(&connection).map_err(failed)?),
        ("audit log", damaged_in::<Audits>(&connection).map_err(failed)?),
    ] {
        if let Some(id) = damaged {
            return Err(open::damaged(named, &format!("entry {id} of the {log}")));
        }
    }
    let contents = contents(&connection, opened.rooms.len(), steps).map_err(failed)?;
    close(connection).map_err(failed)?;
    let keep = || {
        for suffix in ["-wal", "-shm"] {
            remove(&beside(file, suffix))?;
        }
        File::open(file)?.sync_all()
    };
    keep().map_err(|error| open::io(named, &error))?;
    Ok(contents)
}

/// Removes a file and what SQLite left beside it.
pub(super) fn clear(file: &Path) -> Result<(), OpenError> {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        remove(&beside(file, suffix)).map_err(|error| open::io(file, &error))?;
    }
    Ok(())
}

/// Removes a file, if it is there.
pub(super) fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The folder in which a file lies.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether there is a file with something in it.
pub(super) fn is_filled(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.len() > 0)
}

/// Gives a file that we made the owner of the store, or of its folder: root may make a file that the server is to open.
pub(super) fn give_to_owner(file: &Path, store: &Path) {
    let owner = fs::metadata(store).or_else(|_| fs::metadata(folder(store)));
    // Nobody but root may give a file away, and nobody else has to.
    let _given = owner.and_then(|owner| chown(file, Some(owner.uid()), Some(owner.gid())));
}

/// The first entry of a log that is not as it was written.
fn damaged_in<L: Log>(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    let mut after = Some(0);
    while let Some(from) = after {
        let piece = log::look::<L>(connection, from, usize::MAX, |_| false)?;
        if let Some(id) = piece.damaged.first() {
            return Ok(Some(*id));
        }
        after = piece.upto;
    }
    Ok(None)
}

/// Counts the rows of every table but the one that has a single row.
fn contents(connection: &Connection, rooms: usize, steps: &[Step]) -> rusqlite::Result<Contents> {
    let mut tables = Vec::new();
    for (kind, table, _, _) in format::layout(connection)? {
        if kind == "table" && table != "meta" {
            let rows = connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
            tables.push((table, rows));
        }
    }
    Ok(Contents { format: format::latest(steps), rooms, tables })
}

/// Turns WAL mode on and leaves everything in the one file.
fn close(connection: Connection) -> rusqlite::Result<()> {
    // In this order: the second leaves a transaction open, during which nothing can be carried over.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    connection.close().map_err(|(_, error)| error)
}
