//! Who may not come in.

use std::fmt::{self, Write};
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use log::warn;

use super::lock;
use super::network::{Network, NoNetwork};
use crate::files;
use crate::net::plain_words;
use crate::protocol::Text;

/// The most characters of a reason.
const LONGEST_REASON: usize = 200;

/// Who may not come in, kept in a file: one ban a line, as
/// `192.0.2.0/24 2026-12-02T22:08:30Z reason`, or `-` for one without an end.
#[derive(Debug)]
pub struct Bans {
    /// `None` where nothing can be kept.
    file: Option<PathBuf>,
    /// Locked for a moment, and never while something is saved: whoever comes in looks here.
    bans: Mutex<Vec<Ban>>,
    /// Held by whoever changes the file.
    saving: Mutex<()>,
}

/// One ban.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Whom it keeps out.
    pub network: Network,
    /// When it ends; `None` is never.
    pub until: Option<Timestamp>,
    /// Why, cleaned and cut; may be empty.
    pub reason: String,
}

/// The list of bans is there, but cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the list of bans in {file}: {reason}")]
pub struct UnreadableBans {
    file: PathBuf,
    /// In the words of the system.
    reason: String,
}

/// Why a line is no ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadBan {
    /// Its first word.
    #[error("its first word is {0}")]
    Network(#[from] NoNetwork),
    /// Its second word.
    #[error("its second word is neither - nor a time like 2026-12-02T22:08:30Z")]
    End,
}

impl Bans {
    /// Those in `file`, which need not be there. Lines that cannot be read are logged with their
    /// number, and the rest counts. Fails when the file cannot be read. Without a file there are
    /// none, and none can be added.
    pub fn open(file: Option<PathBuf>) -> Result<Self, UnreadableBans> {
        let unreadable = |error: io::Error| UnreadableBans {
            file: file.clone().unwrap_or_default(),
            reason: plain_words(&error),
        };
        let bans = match &file {
            Some(file) => read(file).map_err(unreadable)?.0,
            None => Vec::new(),
        };
        Ok(Bans {
            file,
            bans: bans.into(),
            saving: Mutex::default(),
        })
    }

    /// The one that keeps `address` out at `now`.
    pub fn find(&self, address: IpAddr, now: Timestamp) -> Option<Ban> {
        let bans = lock(&self.bans);
        let mut running = bans.iter().filter(|ban| ban.runs(now));
        running.find(|ban| ban.network.contains(address)).cloned()
    }

    /// Those that have not ended at `now`, in the order in which they were made.
    pub fn running(&self, now: Timestamp) -> Vec<Ban> {
        let bans = lock(&self.bans);
        bans.iter().filter(|ban| ban.runs(now)).cloned().collect()
    }

    /// Adds `ban`, in place of one of the same network, and saves the list. Fails when it cannot be
    /// saved; the list is as it was then, here and in the file.
    pub fn add(&self, ban: Ban) -> io::Result<()> {
        self.change(|bans| {
            bans.retain(|other| other.network != ban.network);
            bans.push(ban);
        })
    }

    /// Lifts the ban of exactly `network`, and saves the list; says whether there was one. Fails as
    /// [`add`](Self::add) does.
    pub fn lift(&self, network: Network) -> io::Result<bool> {
        self.change(|bans| {
            let before = bans.len();
            bans.retain(|ban| ban.network != network);
            bans.len() < before
        })
    }

    /// Reads the file anew, for a person may have written in it, and forgets what has ended.
    fn change<T>(&self, change: impl FnOnce(&mut Vec<Ban>) -> T) -> io::Result<T> {
        let _saving = lock(&self.saving);
        let now = Timestamp::now();
        let file = self.file.as_deref();
        let file = file.ok_or_else(|| io::Error::other("the server has no folder for it"))?;
        let (mut bans, unreadable) = read(file)?;
        bans.retain(|ban| ban.runs(now));
        let before = bans.clone();
        let changed = change(&mut bans);
        if bans != before {
            let mut text = unreadable;
            for ban in &bans {
                writeln!(text, "{ban}").expect("a String takes every write");
            }
            files::replace(file, &text)?;
        }
        *lock(&self.bans) = bans;
        Ok(changed)
    }
}

/// The bans in `file`, and the lines that are none; those stay in it for whoever mends them.
fn read(file: &Path) -> io::Result<(Vec<Ban>, String)> {
    let bytes = match fs::read(file) {
        Err(error) if files::is_absent(&error) => Vec::new(),
        bytes => bytes?,
    };
    let (mut bans, mut unreadable) = (Vec::new(), String::new());
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().zip(1..);
    for (line, number) in lines.filter(|(line, _)| !line.trim().is_empty()) {
        match line.parse() {
            Ok(ban) => bans.push(ban),
            Err(error) => {
                let (error, file): (BadBan, _) = (error, file.display());
                warn!("line {number} of {file} is no ban, and keeps nobody out: {error}");
                unreadable = unreadable + line + "\n";
            }
        }
    }
    Ok((bans, unreadable))
}

impl Ban {
    /// For a `reason` as typed.
    pub fn new(network: Network, until: Option<Timestamp>, reason: &str) -> Self {
        let reason = Text::new(reason.trim());
        Ban {
            network,
            until,
            reason: reason.as_str().chars().take(LONGEST_REASON).collect(),
        }
    }

    fn runs(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

impl FromStr for Ban {
    type Err = BadBan;

    fn from_str(line: &str) -> Result<Self, BadBan> {
        let mut words = line.trim().splitn(3, char::is_whitespace);
        let mut word = || words.next().unwrap_or_default();
        let network = word().parse()?;
        let until = match word() {
            "-" => None,
            end => Some(end.parse().map_err(|_| BadBan::End)?),
        };
        Ok(Ban::new(network, until, word()))
    }
}

impl fmt::Display for Ban {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.until {
            Some(until) => write!(f, "{} {until}", self.network)?,
            None => write!(f, "{} -", self.network)?,
        }
        match self.reason.as_str() {
            "" => Ok(()),
            reason => write!(f, " {reason}"),
        }
    }
}

/// When a ban ends that lasts from `now` for `word`: `30m`, `12h` or `7d`. A whole second; `None`
/// for what is no such word, and for an end that no calendar has.
pub fn end(word: &str, now: Timestamp) -> Option<Timestamp> {
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let unit = match word.chars().next_back()? {
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return None,
    };
    let count = &word[..word.len() - 1];
    let count: u32 = count.parse().ok().filter(|&count| count > 0)?;
    let lasts = SignedDuration::from_secs(i64::from(count) * unit);
    let now = Timestamp::from_second(now.as_second()).ok()?;
    now.checked_add(lasts).ok()
}
