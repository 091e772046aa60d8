//! Files that both sides keep for the eyes of their user alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{env, process};

/// Where `program` keeps what it has to remember: in `$XDG_STATE_HOME`, or else `~/.local/state`
/// (XDG Base Directory Specification). `None` where there is no home.
pub fn state_folder(program: &str) -> Option<PathBuf> {
    let given = env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || env::home_dir().filter(|home| home.is_absolute());
    given
        .filter(|folder| folder.is_absolute())
        .or_else(|| Some(home()?.join(".local/state")))
        .map(|folder| folder.join(program))
}

/// Replaces what is in `file` by `text`, and makes the file (mode 0600) and its folder (0700) at
/// need. What a symbolic link leads to is replaced, and the link stays. Fails when there is no room
/// or no permission; `file` is as it was then.
///
/// Whatever happens meanwhile, a power cut included, MUST leave the old text or the new one, whole:
/// it is written to a draft beside `file`, synced, and renamed (rename(2)). MUST NOT be called for
/// the same file by two threads at once.
pub fn replace(file: &Path, text: &str) -> io::Result<()> {
    let mut file = file.to_owned();
    // So many links Linux follows, for some lead to themselves (path_resolution(7)).
    for _ in 0..40 {
        match fs::read_link(&file) {
            Ok(target) => file = folder_of(&file).join(target),
            Err(_) => break,
        }
    }
    let file = &file;
    make_folder_of(file)?;
    put(file, text.as_bytes(), |draft| fs::rename(draft, file))
}

/// Makes `file` with `bytes` in it, as [`replace`] does. Where there is one already, also when
/// somebody else makes it at the same moment, that one stays.
pub fn create(file: &Path, bytes: &[u8]) -> io::Result<()> {
    make_folder_of(file)?;
    // Unlike a rename it fails where there is one.
    match put(file, bytes, |draft| fs::hard_link(draft, file)) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        created => created,
    }
}

/// Adds a line to `file`, which is made at need. It is one write, so that of several who add at once
/// nobody tears another's line.
pub fn append(file: &Path, line: &str) -> io::Result<()> {
    // A full disk may have torn the last line.
    let is_torn = fs::read(file).is_ok_and(|text| !text.is_empty() && !text.ends_with(b"\n"));
    let before = if is_torn { "\n" } else { "" };
    open(file)?.write_all(format!("{before}{line}\n").as_bytes())
}

/// Opens `file` for reading, and for adding to it, also while others do; makes it (mode 0600) and its
/// folder (0700) at need.
pub fn open(file: &Path) -> io::Result<File> {
    make_folder_of(file)?;
    let mut options = OpenOptions::new();
    options
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)
}

/// Whether an error says that there is no such file, or no folder to have it in.
pub fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

fn make_folder_of(file: &Path) -> io::Result<()> {
    let mut options = DirBuilder::new();
    options.recursive(true).mode(0o700).create(folder_of(file))
}

/// Writes a draft, and gives it the name of `file`.
fn put(file: &Path, bytes: &[u8], name: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let draft = file.with_extension(process::id().to_string());
    let named = write_synced(&draft, bytes).and_then(|()| name(&draft));
    // After a rename it is gone; otherwise it would stay and take room.
    let _ = fs::remove_file(&draft);
    named?;
    // Some file systems cannot; then the new name is as safe as they make it.
    let _ = File::open(folder_of(file)).and_then(|folder| folder.sync_all());
    Ok(())
}

fn write_synced(draft: &Path, bytes: &[u8]) -> io::Result<()> {
    // One that a crash has left, of a process with our number.
    match fs::remove_file(draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut draft = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    draft.write_all(bytes)?;
    draft.sync_all()
}
