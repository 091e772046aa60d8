//! What is said to all, kept over a restart.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs, process};

mod file;
mod server;

/// A folder that is not there yet; gone when dropped.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Place {
        Place(env::temp_dir().join(format!("chat-transcript-{test}-{}", process::id())))
    }

    /// With these bytes in the file.
    fn with(test: &str, bytes: impl AsRef<[u8]>) -> Place {
        let place = Place::new(test);
        fs::create_dir(&place.0).unwrap();
        fs::write(place.file(), bytes).unwrap();
        place
    }

    /// With a pipe for a file, which fills up as long as nobody reads it.
    fn with_pipe(test: &str) -> Place {
        let place = Place::new(test);
        fs::create_dir(&place.0).unwrap();
        let made = Command::new("mkfifo").arg(place.file()).status();
        assert!(made.unwrap().success());
        place
    }

    fn file(&self) -> PathBuf {
        self.0.join("transcript")
    }

    fn older(&self) -> PathBuf {
        self.0.join("transcript.1")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-q").arg(&self.0).output();
        let _ = fs::remove_dir_all(&self.0);
    }
}
