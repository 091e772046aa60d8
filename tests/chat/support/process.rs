//! A program that a test runs, and what it writes.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::DEADLINE;

/// `command`, run by what `words` say: they stand before it. Of this machine's environment there
/// is only where programs are found.
pub fn behind(words: &[&str], command: &Command) -> Command {
    let mut behind = Command::new(words[0]);
    behind.args(&words[1..]).arg(command.get_program());
    behind.args(command.get_args()).env_clear();
    behind.envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
    let set = command.get_envs();
    behind.envs(set.filter_map(|(name, value)| Some((name, value?))));
    behind
}

/// A child process whose output is collected; killed when dropped.
pub struct Process {
    pub child: Child,
    pub stdout: Output,
    pub stderr: Output,
}

impl Process {
    /// Its input is a pipe, unless the command says otherwise.
    pub fn spawn(command: &mut Command) -> Process {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = Output::collect(child.stdout.take().unwrap());
        let stderr = Output::collect(child.stderr.take().unwrap());
        Process {
            child,
            stdout,
            stderr,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types one line.
    pub fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\n").as_bytes());
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let stdin = self.child.stdin.as_mut().expect("the input is open");
        stdin.write_all(bytes).expect("the program reads");
    }

    /// Ends its input.
    pub fn end_input(&mut self) {
        self.child.stdin = None;
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid() as i32), signal).expect("the process is there");
    }

    /// Waits for a line with `needle` in it on standard error; returns the line.
    #[track_caller]
    pub fn wait_for(&self, needle: &str) -> String {
        self.stderr.wait_for(needle)
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > deadline {
                let (out, err) = (self.stdout.so_far(), self.stderr.so_far());
                panic!("still running after {DEADLINE:?}\nstdout: {out}\nstderr: {err}");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it ends, and for all it has written; returns its exit code.
    #[track_caller]
    pub fn finish(&mut self) -> Option<i32> {
        let status = self.wait();
        self.stdout.wait_until_closed();
        self.stderr.wait_until_closed();
        status.code()
    }

    /// Waits until it ends with `code`; returns what it says on standard error, which is nothing
    /// that only a programmer understands.
    #[track_caller]
    pub fn last_words(&mut self, code: i32) -> String {
        let ended = self.finish();
        let words = self.stderr.so_far();
        assert_eq!(ended, Some(code), "(left: came) {words}");
        for jargon in ["os error", "Os {", "panicked", "backtrace", "errno", "Err("] {
            assert!(!words.contains(jargon), "no {jargon:?} in {words:?}");
        }
        words
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!(
                "stdout:\n{}\nstderr:\n{}",
                self.stdout.so_far(),
                self.stderr.so_far()
            );
        }
    }
}

/// What a process has written so far.
#[derive(Clone, Default)]
pub struct Output(Arc<(Mutex<Collected>, Condvar)>);

#[derive(Default)]
struct Collected {
    text: String,
    /// Where the line ends that was last waited for.
    cursor: usize,
    closed: Option<Instant>,
}

impl Output {
    pub fn collect(source: impl Read + Send + 'static) -> Output {
        let output = Output::default();
        let theirs = output.clone();
        thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while let Ok(1..) = source.read_until(b'\n', &mut line) {
                theirs.0.0.lock().unwrap().text += &String::from_utf8_lossy(&line);
                theirs.0.1.notify_all();
                line.clear();
            }
            theirs.0.0.lock().unwrap().closed = Some(Instant::now());
            theirs.0.1.notify_all();
        });
        output
    }

    pub fn so_far(&self) -> String {
        // Also after a test has failed in the middle of reading it.
        let collected = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        collected.text.clone()
    }

    /// Waits for a line with `needle` in it, behind the line that was last waited for; returns it.
    #[track_caller]
    pub fn wait_for(&self, needle: &str) -> String {
        self.wait_for_all(&[needle]).remove(0)
    }

    /// The same for several lines, in whatever order they come.
    #[track_caller]
    pub fn wait_for_all(&self, needles: &[&str]) -> Vec<String> {
        self.wait(&format!("lines with {needles:?}"), |collected| {
            let behind = &collected.text[collected.cursor..];
            let mut last = 0;
            let mut line_with = |needle: &&str| {
                let at = behind.find(*needle)?;
                let start = behind[..at].rfind('\n').map_or(0, |end| end + 1);
                let line = behind[start..].lines().next()?;
                last = last.max(start + line.len());
                Some(line.to_owned())
            };
            let lines: Vec<String> = needles.iter().map(&mut line_with).collect::<Option<_>>()?;
            collected.cursor += last;
            Some(lines)
        })
    }

    /// Waits until `find` finds something in all that was written.
    #[track_caller]
    pub fn wait_until<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        self.wait(what, |collected| find(&collected.text))
    }

    #[track_caller]
    fn wait<T>(&self, what: &str, mut find: impl FnMut(&mut Collected) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        let mut collected = self.0.0.lock().unwrap();
        loop {
            if let Some(found) = find(&mut collected) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if collected.closed.is_some() || left.is_zero() {
                let (before, behind) = collected.text.split_at(collected.cursor);
                panic!("expected: {what}\n    came: {behind:?}\n  behind: {before:?}");
            }
            collected = self.0.1.wait_timeout(collected, left).unwrap().0;
        }
    }

    /// Waits until the process has closed it; returns when that was.
    #[track_caller]
    pub fn wait_until_closed(&self) -> Instant {
        let collected = self.0.0.lock().unwrap();
        let (collected, _) = self
            .0
            .1
            .wait_timeout_while(collected, DEADLINE, |c| c.closed.is_none())
            .unwrap();
        collected
            .closed
            .unwrap_or_else(|| panic!("still open after {DEADLINE:?}: {:?}", collected.text))
    }
}
