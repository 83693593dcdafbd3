//! Copies of the store: how they are made, looked at and put in the place of the store.
//!
//! A copy is a file that looks as if its process had closed it in order. It is made and verified under another name and then renamed, so there is none
//! or a whole one.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rusqlite::config::DbConfig;

use super::{
    format,
    open::{self, Judge, beside},
    query::OpenError,
    settle, wal,
};
use crate::clock;

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The version of its format.
    pub format: u32,
    /// How many rooms it knows.
    pub rooms: usize,
    /// How many rows each of its tables has.
    pub tables: Vec<(String, u64)>,
}

/// What has become of the store that was there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What the store holds now.
    pub contents: Contents,
    /// Where the store lies that was there before, if one was.
    pub kept: Option<PathBuf>,
}

/// Why a copy is not made, or not taken.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A file is not what it should be.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// There is no store to copy.
    #[error("{path}: there is no store")]
    Absent {
        /// Where none is.
        path: PathBuf,
    },
    /// Something is there already.
    #[error("{path}: it is there already; --replace puts the new one in its place")]
    Occupied {
        /// What is there.
        path: PathBuf,
    },
    /// The two are one file.
    #[error("{path}: this is the store itself, or a file that belongs to it")]
    Same {
        /// Which file.
        path: PathBuf,
    },
    /// A server has the store open.
    #[error("{path}: a server has this store open; stop it first")]
    Serving {
        /// The store.
        path: PathBuf,
    },
    /// The file has a write-ahead log beside it.
    #[error("{path}: a -wal lies beside it, so it is the file of a server that runs or was killed, and no copy")]
    Unfinished {
        /// The file.
        path: PathBuf,
    },
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "format {}, {} rooms", self.format, self.rooms)?;
        self.tables.iter().try_for_each(|(table, rows)| write!(f, ", {rows} {table}"))
    }
}

/// Copies a store to `to`, while a server has it open or not. A file that is there already is kept, unless it is to be replaced.
pub(crate) fn backup(store: &Path, to: &Path, is_replacing: bool, judge: Judge<'_>) -> Result<Contents, CopyError> {
    if !exists(store)? {
        return Err(CopyError::Absent { path: store.to_owned() });
    }
    if belongs(to, store) {
        return Err(CopyError::Same { path: to.to_owned() });
    }
    if to.is_dir() {
        return Err(failed(to, &std::io::Error::from(std::io::ErrorKind::IsADirectory)));
    }
    if exists(to)? && !is_replacing {
        return Err(CopyError::Occupied { path: to.to_owned() });
    }
    let unfinished = beside(to, &format!(".{}-new", std::process::id()));
    let created = create(&unfinished).map_err(|error| failed(to, &error));
    let made = created.and_then(|()| make(store, &unfinished, judge)).and_then(|contents| {
        place(&unfinished, to, is_replacing)?;
        Ok(contents)
    });
    if made.is_err() {
        // The fault that is told is the first.
        let _cleared = settle::clear(&unfinished);
    }
    made
}

/// Looks at a copy from all sides, and leaves it as it is.
pub(crate) fn check(file: &Path, judge: Judge<'_>) -> Result<Contents, CopyError> {
    is_copy(file)?;
    let name = file.file_name().unwrap_or_default();
    let beside_it = settle::folder(file);
    let is_room_there = |folder: &Path| {
        let probe = folder.join(format!(".podium-check-{}", std::process::id()));
        File::create(&probe).and_then(|_| fs::remove_file(&probe)).is_ok()
    };
    let folder = if is_room_there(beside_it) { beside_it.to_owned() } else { std::env::temp_dir() };
    let scratch = beside(&folder.join(name), &format!(".{}-check", std::process::id()));
    let outcome =
        settle::copy(file, &scratch, file).and_then(|()| settle::settle(&scratch, file, format::STEPS, judge));
    settle::clear(&scratch)?;
    Ok(outcome?)
}

/// Puts a copy in the place of the store. A store that is there is kept under another name, if it is to be replaced.
pub(crate) fn restore(file: &Path, store: &Path, is_replacing: bool, judge: Judge<'_>) -> Result<Restored, CopyError> {
    is_copy(file)?;
    if belongs(file, store) {
        return Err(CopyError::Same { path: file.to_owned() });
    }
    let _lock = open::lock(store).map_err(|error| match error {
        OpenError::Locked { path } => CopyError::Serving { path },
        error @ (OpenError::Newer { .. }
        | OpenError::Foreign { .. }
        | OpenError::Damaged { .. }
        | OpenError::Io { .. }) => CopyError::Open(error),
    })?;
    let is_there = exists(store)? || exists(&beside(store, "-wal"))?;
    if is_there && !is_replacing {
        return Err(CopyError::Occupied { path: store.to_owned() });
    }
    let unfinished = beside(store, "-new");
    settle::copy(file, &unfinished, file)?;
    let contents = match settle::settle(&unfinished, file, format::STEPS, judge) {
        Ok(contents) => contents,
        Err(error) => {
            settle::clear(&unfinished)?;
            return Err(error.into());
        }
    };
    settle::give_to_owner(&unfinished, store);
    let kept = is_there.then(|| beside(store, &format!("-before-{}", clock::unix_millis())));
    exchange(&unfinished, store, kept.as_deref()).map_err(|error| failed(store, &error))?;
    Ok(Restored { contents, kept })
}

/// Makes an empty file that nobody else may read: a copy says who was banned, and why.
fn create(unfinished: &Path) -> std::io::Result<()> {
    settle::remove(unfinished)?;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(unfinished).map(drop)
}

/// Fills the empty file `unfinished` with a whole copy.
fn make(store: &Path, unfinished: &Path, judge: Judge<'_>) -> Result<Contents, CopyError> {
    // A server that starts meanwhile has to wait: it would find a file whose log is being looked at by somebody else.
    let lock = match open::lock(store) {
        Ok(lock) => Some(lock),
        Err(OpenError::Locked { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let wal = beside(store, "-wal");
    match &lock {
        Some(_) if !settle::is_filled(&wal) => {
            let copy = || std::io::copy(&mut File::open(store)?, &mut OpenOptions::new().write(true).open(unfinished)?);
            copy().map_err(|error| failed(store, &error))?;
        }
        // A server that was killed left what it wrote last in its log.
        Some(_) if fs::read(&wal).is_ok_and(|log| wal::is_damaged(&log)) => {
            return Err(open::damaged(store, "its -wal").into());
        }
        Some(_) | None => vacuum(store, unfinished).map_err(|error| open::refusal(store, &error))?,
    }
    Ok(settle::settle(unfinished, store, format::STEPS, judge)?)
}

/// Has SQLite write what the store holds at this moment into an empty file.
fn vacuum(store: &Path, unfinished: &Path) -> rusqlite::Result<()> {
    let connection = open::open_for_reading(store)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let to = unfinished.to_str().ok_or(rusqlite::Error::InvalidPath(unfinished.to_owned()))?;
    connection.execute("VACUUM INTO ?", [to]).map(drop)
}

/// Gives a whole copy its name.
fn place(unfinished: &Path, to: &Path, is_replacing: bool) -> Result<(), CopyError> {
    if is_replacing {
        fs::rename(unfinished, to).map_err(|error| failed(to, &error))?;
    } else {
        // Unlike a renaming, this fails if someone else has made a file of this name meanwhile.
        match fs::hard_link(unfinished, to) {
            Ok(()) => settle::clear(unfinished)?,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(CopyError::Occupied { path: to.to_owned() });
            }
            // This file system has no links.
            Err(_) => fs::rename(unfinished, to).map_err(|error| failed(to, &error))?,
        }
    }
    File::open(settle::folder(to)).and_then(|folder| folder.sync_all()).map_err(|error| failed(to, &error))
}

/// Puts a file in the place of the store, whose own is kept as `kept`. Until the last step a server that starts finds the old store, or refuses it.
fn exchange(unfinished: &Path, store: &Path, kept: Option<&Path>) -> std::io::Result<()> {
    let sync = || File::open(settle::folder(store))?.sync_all();
    if let Some(kept) = kept {
        if store.try_exists()? {
            fs::hard_link(store, kept).or_else(|_| fs::copy(store, kept).map(drop))?;
        }
        let wal = beside(store, "-wal");
        if wal.try_exists()? {
            fs::rename(&wal, beside(kept, "-wal"))?;
        }
        sync()?;
    }
    settle::remove(&beside(store, "-shm"))?;
    fs::rename(unfinished, store)?;
    sync()
}

/// Whether a file may be a copy: it is there, and nothing of it lies elsewhere.
fn is_copy(file: &Path) -> Result<(), CopyError> {
    if !exists(file)? {
        return Err(CopyError::Absent { path: file.to_owned() });
    }
    if settle::is_filled(&beside(file, "-wal")) {
        return Err(CopyError::Unfinished { path: file.to_owned() });
    }
    Ok(())
}

/// Whether a path names the store or one of the files beside it.
fn belongs(path: &Path, store: &Path) -> bool {
    let same = |other: &Path| match (fs::metadata(path), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        (Ok(_) | Err(_), _) => false,
    };
    let whole = |path: &Path| {
        let folder = settle::folder(path).canonicalize().ok()?;
        Some(folder.join(path.file_name()?))
    };
    let files = ["", "-wal", "-shm", "-journal", "-lock", "-new"].map(|suffix| beside(store, suffix));
    files.iter().any(|file| same(file) || (whole(path).is_some() && whole(path) == whole(file)))
}

fn exists(path: &Path) -> Result<bool, CopyError> {
    path.try_exists().map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> CopyError {
    CopyError::Open(open::io(path, error))
}
