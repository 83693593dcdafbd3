//! To open the file is to believe it: it is looked at from all sides before a single byte of it is changed, and refused as it was if anything is wrong.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{
    batch::AnswerRow,
    config::StoreConfig,
    format::{self, APPLICATION_ID, Step},
    outbox::Delivery,
    query::{OpenError, SavedRoom},
    rows, settle,
    totals::{Totals, Use},
    wal,
};
use crate::ids::RoomId;

/// Says why a room cannot be understood, if it cannot.
pub(crate) type Judge<'a> = &'a dyn Fn(&SavedRoom) -> Result<(), String>;

/// A file that is believed.
#[derive(Debug)]
pub(super) struct Opened {
    /// For writing.
    pub(super) connection: Connection,
    pub(super) totals: Totals,
    pub(super) rooms: Vec<SavedRoom>,
    /// Rows of state that hold in all rooms.
    pub(super) everywhere: Vec<(String, String)>,
    pub(super) answers: Vec<AnswerRow>,
    pub(super) outbox: Vec<Delivery>,
    /// Held as long as the file is open.
    pub(super) lock: Option<File>,
}

/// Opens the file, or makes it.
pub(super) fn open(config: &StoreConfig, steps: &[Step], judge: Judge<'_>) -> Result<Opened, OpenError> {
    match &config.path {
        None => in_memory(steps).map_err(|error| refusal(Path::new(":memory:"), &error)),
        Some(path) => {
            let lock = lock(path)?;
            if is_new(path)? {
                make(path, steps)?;
            }
            check_writable(path)?;
            let mut header = check_header(path, path, steps)?;
            if header.is_copy {
                settle::adopt(path, steps, judge)?;
                header = check_header(path, path, steps)?;
            }
            let mut opened = believe(path, header.page_bytes, steps, judge)?;
            opened.lock = Some(lock);
            Ok(opened)
        }
    }
}

/// A second connection, for reading.
pub(super) fn open_for_reading(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

fn in_memory(steps: &[Step]) -> rusqlite::Result<Opened> {
    let connection = Connection::open_in_memory()?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    format::upgrade(&connection, 0, steps)?;
    let totals = Totals::default();
    let (rooms, everywhere, answers, outbox) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Ok(Opened { connection, totals, rooms, everywhere, answers, outbox, lock: None })
}

/// Only one process has the file; the lock ends with the process, however it ends.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let beside = beside(path, "-lock");
    let is_new = !beside.exists();
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&beside);
    let file = file.map_err(|error| io(&beside, &error))?;
    if is_new {
        settle::give_to_owner(&beside, path);
    }
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(io(&beside, &error)),
    }
}

fn is_new(path: &Path) -> Result<bool, OpenError> {
    let is_there = path.try_exists().map_err(|error| io(path, &error))?;
    let wal = beside(path, "-wal");
    if !is_there && wal.try_exists().map_err(|error| io(&wal, &error))? {
        return Err(damaged(path, "it is gone, but its -wal is there"));
    }
    Ok(!is_there)
}

/// Makes the file under another name first: whatever happens meanwhile, there is none or a whole one.
fn make(path: &Path, steps: &[Step]) -> Result<(), OpenError> {
    let unfinished = beside(path, "-new");
    settle::clear(&unfinished)?;
    let fill = || {
        let connection = Connection::open(&unfinished)?;
        connection.execute_batch("PRAGMA synchronous = FULL")?;
        let transaction = connection.unchecked_transaction()?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        format::upgrade(&transaction, 0, steps)?;
        transaction.commit()?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.close().map_err(|(_, error)| error)
    };
    fill().map_err(|error: rusqlite::Error| refusal(path, &error))?;
    let keep = || {
        File::open(&unfinished)?.sync_all()?;
        std::fs::rename(&unfinished, path)?;
        File::open(settle::folder(path))?.sync_all()
    };
    keep().map_err(|error| io(path, &error))
}

/// What the header of a file says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) page_bytes: u64,
    /// `VACUUM INTO` made it, and no process of ours has had it since: it is not in WAL mode.
    pub(super) is_copy: bool,
}

fn check_writable(path: &Path) -> Result<(), OpenError> {
    let metadata = std::fs::metadata(path).map_err(|error| io(path, &error))?;
    if metadata.permissions().readonly() {
        return Err(OpenError::Io { path: path.to_owned(), why: "the file is read-only".to_owned() });
    }
    if metadata.is_file() {
        OpenOptions::new().write(true).open(path).map_err(|error| io(path, &error))?;
    }
    Ok(())
}

/// Looks at the first bytes of `file` before SQLite does: it would change a file of another kind, or one that another program left unfinished. Faults
/// name the file `path`.
pub(super) fn check_header(file: &Path, path: &Path, steps: &[Step]) -> Result<Header, OpenError> {
    let metadata = std::fs::metadata(file).map_err(|error| io(path, &error))?;
    if !metadata.is_file() {
        return Err(OpenError::Io { path: path.to_owned(), why: "not a file".to_owned() });
    }
    let mut header = [0; HEADER_BYTES];
    let mut file = File::open(file).map_err(|error| io(path, &error))?;
    file.read_exact(&mut header).map_err(|error| {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            damaged(path, "it is cut off within its header")
        } else {
            io(path, &error)
        }
    })?;
    let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let foreign = |why: &str| OpenError::Foreign { path: path.to_owned(), why: why.to_owned() };
    let is_sqlite = header.starts_with(MAGIC);
    let is_ours = word(68) == APPLICATION_ID;
    match (is_sqlite, is_ours) {
        (false, false) => return Err(foreign("no SQLite database")),
        (true, false) => return Err(foreign("a database of another program")),
        (false, true) => return Err(damaged(path, "its header")),
        (true, true) => {}
    }
    // The largest length of all does not fit, and is written as 1.
    let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    let (found, known) = (word(60), format::latest(steps));
    // WAL mode, or that of a copy that SQLite made; UTF-8, no automatic vacuum: as every file of ours was made.
    let is_copy = header[18..20] == [1, 1];
    let is_plain = (is_copy || header[18..20] == [2, 2]) && word(56) == 1 && word(52) == 0 && word(64) == 0;
    let is_whole = is_plain && header[20] == 0 && header[72..92].iter().all(|byte| *byte == 0);
    match found {
        _ if !is_whole => Err(damaged(path, "its header")),
        0 => Err(damaged(path, "its header")),
        found if found > known => Err(OpenError::Newer { path: path.to_owned(), found, known }),
        _ => Ok(Header { page_bytes: page_bytes.max(1), is_copy }),
    }
}

fn believe(path: &Path, page_bytes: u64, steps: &[Step], judge: Judge<'_>) -> Result<Opened, OpenError> {
    let wal = beside(path, "-wal");
    if beside(path, "-journal").exists() {
        return Err(damaged(path, "another program has left a -journal beside it"));
    }
    let log = match std::fs::read(&wal) {
        Ok(log) if wal::is_damaged(&log) => return Err(damaged(path, "its -wal")),
        Ok(log) => Some(log),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(io(&wal, &error)),
    };
    let length = std::fs::metadata(path).map_err(|error| io(path, &error))?.len();
    if length % page_bytes != 0 && log.as_ref().is_none_or(Vec::is_empty) {
        return Err(damaged(path, "it is cut off"));
    }
    let is_wal_there = log.is_some();
    let opened = look(path, steps, is_wal_there, judge);
    if opened.is_err() && !is_wal_there {
        // SQLite made one when it looked. It must not be taken for the one that is missing.
        for suffix in ["-wal", "-shm"] {
            drop(std::fs::remove_file(beside(path, suffix)));
        }
    }
    opened
}

fn look(path: &Path, steps: &[Step], is_wal_there: bool, judge: Judge<'_>) -> Result<Opened, OpenError> {
    let failed = |error: rusqlite::Error| refusal(path, &error);
    let connection = connect(path).map_err(failed)?;
    let found = if is_wal_there { Found::WithLog } else { Found::WithoutLog };
    let opened = examine(connection, path, steps, found, judge)?;
    opened.connection.execute_batch("COMMIT").map_err(failed)?;
    claim(opened).map_err(failed)
}

/// How a file was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// With a write-ahead log beside it.
    WithLog,
    /// In WAL mode, without a log beside it.
    WithoutLog,
    /// Not in WAL mode, as SQLite's `VACUUM INTO` leaves it.
    Copy,
}

/// Looks at all that a connection's file holds, and brings it to the latest version, in a transaction that is left open. Faults name the file `path`.
pub(super) fn examine(
    connection: Connection,
    path: &Path,
    steps: &[Step],
    found: Found,
    judge: Judge<'_>,
) -> Result<Opened, OpenError> {
    let failed = |error: rusqlite::Error| refusal(path, &error);
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let known = format::latest(steps);
    if version > known {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, known });
    }
    check_structure(&connection, path, version, steps)?;
    let cookie = cookie(&connection).map_err(failed)?;
    // An older file is brought to this version, and its rows are looked at, in one transaction: if they are damaged it stays as it was.
    connection.execute_batch("BEGIN").map_err(failed)?;
    if version < known {
        format::upgrade(&connection, version, steps).map_err(failed)?;
    }
    let opened = check_rows(connection, path)?;
    opened.rooms.iter().try_for_each(judge).map_err(|why| damaged(path, &why))?;
    let is_whole = match opened.totals.usage {
        Use::Closed => true,
        // A copy that SQLite made is of one moment, and nothing of it lies elsewhere.
        Use::Open { cookie: 0 } => found != Found::WithoutLog,
        Use::Open { cookie: at_opening } => found == Found::WithLog || at_opening != cookie,
    };
    if !is_whole {
        let why =
            "its process was killed, and the -wal that was beside it is missing; a copy is made with `podium backup`";
        return Err(damaged(path, why));
    }
    Ok(opened)
}

/// The number in the header that grows with each change of the tables.
fn cookie(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "schema_version", |row| row.get(0))
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.busy_timeout(BUSY_PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Checkpoints are made between transactions, when nobody waits for an answer.
    connection.execute_batch(
        "PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA secure_delete = ON; \
         PRAGMA cell_size_check = ON;",
    )?;
    Ok(connection)
}

fn check_structure(connection: &Connection, path: &Path, version: u32, steps: &[Step]) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| refusal(path, &error);
    let layout = format::layout(connection).map_err(failed)?;
    if layout != format::expected_layout(version, steps).map_err(failed)? {
        return Err(damaged(path, "its tables are not as they were made"));
    }
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if verdict == "ok" { Ok(()) } else { Err(damaged(path, verdict.lines().last().unwrap_or(&verdict))) }
}

/// Reads all that is held in memory, and sees that all of it is there, once, as it was written.
fn check_rows(connection: Connection, path: &Path) -> Result<Opened, OpenError> {
    let failed = |error: rusqlite::Error| refusal(path, &error);
    let totals = Totals::load(&connection).map_err(failed)?.ok_or_else(|| damaged(path, "its totals"))?;
    let mut found = Totals::default();
    let (mut rooms, mut everywhere): (Vec<SavedRoom>, Vec<(String, String)>) = (Vec::new(), Vec::new());
    let select = "SELECT room, key, value, sum FROM state";
    for row in read_all(&connection, select, rows::read_state).map_err(failed)? {
        let (room, key, value, sum) = row.ok_or_else(|| damaged(path, "a row of a room's state"))?;
        found.came(sum);
        match rooms.last_mut() {
            _ if room == rows::EVERYWHERE => everywhere.push((key, value)),
            Some(last) if last.id.as_str() == room => last.state.push((key, value)),
            Some(_) | None => {
                let id = RoomId::parse(&room).map_err(|_| damaged(path, "the name of a room"))?;
                rooms.push(SavedRoom { id, state: vec![(key, value)] });
            }
        }
    }
    let mut answers = Vec::new();
    for row in read_all(&connection, rows::ANSWER, rows::read_answer).map_err(failed)? {
        let (answer, sum) = row.ok_or_else(|| damaged(path, "an answer"))?;
        found.came(sum);
        answers.push(answer);
    }
    let mut outbox = Vec::new();
    for row in read_all(&connection, rows::DELIVERY, rows::read_delivery).map_err(failed)? {
        let (delivery, sum) = row.ok_or_else(|| damaged(path, "a row of the outbox"))?;
        found.came(sum);
        outbox.push(delivery);
    }
    if found.running != totals.running {
        return Err(damaged(path, "rows are missing, or there twice"));
    }
    for (table, last) in [("events", totals.events_last), ("audits", totals.audits_last)] {
        let sql = format!("SELECT max(id) FROM {table}");
        let found: Option<i64> = connection.query_row(&sql, [], |row| row.get(0)).map_err(failed)?;
        if found.is_some_and(|found| found > last) {
            return Err(damaged(path, "a log goes on after its end"));
        }
    }
    answers.sort_by_key(|answer| answer.at_ms);
    Ok(Opened { connection, totals, rooms, everywhere, answers, outbox, lock: None })
}

fn read_all<T>(
    connection: &Connection,
    select: &str,
    read: impl Fn(&rusqlite::Row<'_>) -> T,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare(select)?;
    let rows = statement.query_map([], |row| Ok(read(row)))?;
    rows.collect()
}

/// The first change: the write-ahead log is carried over, and the file says that it is in use.
fn claim(mut opened: Opened) -> rusqlite::Result<Opened> {
    let connection = &opened.connection;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let transaction = connection.unchecked_transaction()?;
    if cookie(&transaction)? <= COOKIE_OF_COPIES {
        // `.backup` gives its copies this number: ours must be another one.
        transaction.execute_batch("CREATE TABLE passing (id INTEGER); DROP TABLE passing")?;
    }
    let totals = Totals { usage: Use::Open { cookie: cookie(&transaction)? }, ..opened.totals };
    totals.save(&transaction)?;
    transaction.commit()?;
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    opened.totals = totals;
    Ok(opened)
}

/// The file beside it whose name goes on like this.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(super) fn damaged(path: &Path, why: &str) -> OpenError {
    OpenError::Damaged { path: path.to_owned(), why: why.to_owned() }
}

pub(super) fn io(path: &Path, error: &std::io::Error) -> OpenError {
    OpenError::Io { path: path.to_owned(), why: error.to_string() }
}

pub(super) fn refusal(path: &Path, error: &rusqlite::Error) -> OpenError {
    use rusqlite::ErrorCode as Code;
    let (path, why) = (path.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => OpenError::Locked { path },
        Some(
            Code::PermissionDenied
            | Code::ReadOnly
            | Code::SystemIoFailure
            | Code::DiskFull
            | Code::CannotOpen
            | Code::OutOfMemory
            | Code::NoLargeFileSupport,
        ) => OpenError::Io { path, why },
        Some(_) | None => OpenError::Damaged { path, why },
    }
}

/// What `.backup` of SQLite leaves in a file that it makes.
const COOKIE_OF_COPIES: u32 = 1;
const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER_BYTES: usize = 100;
/// How long another program may keep the file from us, a backup for example.
const BUSY_PATIENCE: Duration = Duration::from_secs(1);
/// How many prepared statements are kept, more than there are.
const STATEMENTS_MAX: usize = 64;
