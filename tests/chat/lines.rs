//! The framing of lines, against a model of a few lines.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};

use crate::support::fuzz;
use chat::protocol::{BadLine, LINE_LIMIT, LineReader};
use proptest::collection::vec;
use proptest::prelude::*;

/// A line as the reader gives it, free of the reader.
type Got = Result<String, BadLine>;

/// What a reader should make of `bytes`, however they arrive.
fn model(bytes: &[u8], limit: usize) -> Vec<Got> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes
        .split_inclusive(|&byte| byte == b'\n')
        .map(|piece| {
            let mut line = piece.strip_suffix(b"\n").unwrap_or(piece);
            while let Some(shorter) = line.strip_suffix(b"\r") {
                line = shorter;
            }
            line
        })
        .map(|line| match str::from_utf8(line) {
            _ if line.len() > limit => Err(BadLine::TooLong),
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(BadLine::NotUtf8),
        })
        .collect()
}

/// Delivers its chunks one read at a time, with an error instead of an empty one.
struct Chunks(VecDeque<Vec<u8>>);

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(
            !buffer.is_empty(),
            "a read that cannot take anything looks like the end"
        );
        let Some(chunk) = self.0.front_mut() else {
            return Ok(0);
        };
        if chunk.is_empty() {
            self.0.pop_front();
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = buffer.len().min(chunk.len());
        buffer[..taken].copy_from_slice(&chunk[..taken]);
        chunk.drain(..taken);
        if chunk.is_empty() {
            self.0.pop_front();
        }
        Ok(taken)
    }
}

/// Reads as a session does, giving memory back now and then as it does too.
fn read_all(chunks: VecDeque<Vec<u8>>, limit: usize) -> Vec<Got> {
    let mut reader = LineReader::new(Chunks(chunks), limit);
    let mut got = Vec::new();
    loop {
        while let Some(line) = reader.next_line() {
            got.push(line.map(str::to_owned));
        }
        if got.len() % 3 == 0 {
            reader.shrink();
        }
        match reader.fill() {
            Ok(0) if !reader.has_rest() => return got,
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}

/// UTF-8's byte order mark.
const MARK: &[u8; 3] = b"\xef\xbb\xbf";

/// Bytes with many line ends, in pieces of any size, some of them the limit give or take a few.
fn any_bytes(limit: usize) -> impl Strategy<Value = Vec<u8>> {
    let telling = vec(
        proptest::sample::select(b"\n\n\n\r\r ab\xc3\xa9\xff\0".to_vec()),
        0..12,
    );
    let near = limit.saturating_sub(3)..limit + 4;
    let near_limit = near.clone();
    let piece = prop_oneof![
        4 => telling,
        2 => "\\PC{0,10}\r?\n?".prop_map(String::into_bytes),
        2 => (near, "\r?\n?").prop_map(|(length, end)| ["x".repeat(length), end].concat().into_bytes()),
        1 => vec(any::<u8>(), 0..40),
        1 => (0..3 * limit + 3000).prop_map(|length| vec![b'y'; length]),
        1 => (near_limit, 0..2 * limit + 2000, "\n|x\n|").prop_map(|(length, returns, end)| {
            ["x".repeat(length), "\r".repeat(returns), end].concat().into_bytes()
        }),
        1 => Just(MARK.to_vec()),
    ];
    let start = prop_oneof![Just(&MARK[..]), Just(&MARK[..2]), Just(&b""[..])];
    (start, vec(piece, 0..12)).prop_map(|(start, pieces)| [start, &pieces.concat()].concat())
}

/// Cuts `bytes` anywhere; 0 stands for an error between two reads.
fn cut(bytes: &[u8], lengths: &[usize]) -> VecDeque<Vec<u8>> {
    let mut left = bytes;
    let mut chunks = VecDeque::new();
    for length in lengths.iter().cycle().take(10 * lengths.len()) {
        let (chunk, rest) = left.split_at(left.len().min(*length));
        if *length == 0 || !chunk.is_empty() {
            chunks.push_back(chunk.to_vec());
        }
        left = rest;
    }
    if !left.is_empty() {
        chunks.push_back(left.to_vec());
    }
    chunks
}

#[test]
fn however_bytes_arrive_the_lines_are_the_same() {
    let limits = prop_oneof![0..40usize, 500..520usize, Just(LINE_LIMIT)];
    let input = limits.prop_flat_map(|limit| (Just(limit), any_bytes(limit)));
    let lengths = vec(prop_oneof![Just(0), 1..4usize, 1..600usize], 1..30);
    fuzz(512, (input, lengths), |((limit, bytes), lengths)| {
        let got = read_all(cut(&bytes, &lengths), limit);
        prop_assert_eq!(got, model(&bytes, limit), "(left: came)");
        Ok(())
    });
}

#[test]
fn the_limit_does_not_count_the_line_end() {
    let full = "é".repeat(LINE_LIMIT / 2);
    for (bytes, expected) in [
        (format!("{full}\n"), Ok(full.clone())),
        (format!("{full}\r\n"), Ok(full.clone())),
        (full.clone(), Ok(full.clone())),
        (format!("{full}x\n"), Err(BadLine::TooLong)),
        (format!("{full}\r\r\n"), Ok(full.clone())),
        (format!("\u{feff}{full}\n"), Ok(full.clone())),
        (format!("{full}\rx\n"), Err(BadLine::TooLong)),
        (format!("{full}x"), Err(BadLine::TooLong)),
    ] {
        for lengths in [&[bytes.len()][..], &[1], &[LINE_LIMIT, 1]] {
            let got = read_all(cut(bytes.as_bytes(), lengths), LINE_LIMIT);
            assert_eq!(got, std::slice::from_ref(&expected), "(left: came)");
        }
    }
}

#[test]
fn a_byte_order_mark_does_not_count_either_however_it_arrives() {
    for limit in 0..4 {
        let line = "x".repeat(limit);
        let marked = format!("\u{feff}{line}\n");
        for lengths in [&[marked.len()][..], &[1], &[2, 1]] {
            let got = read_all(cut(marked.as_bytes(), lengths), limit);
            assert_eq!(got, [Ok(line.clone())], "limit {limit} (left: came)");
        }
    }
}

#[test]
fn however_many_returns_stand_before_a_newline_they_take_no_memory() {
    let full = "x".repeat(LINE_LIMIT);
    let returns = "\r".repeat(1 << 20);
    let bytes = format!("{full}{returns}\n{full}{returns}x\nnext\n");
    let got = read_all(VecDeque::from([bytes.into_bytes()]), LINE_LIMIT);
    let expected = [Ok(full), Err(BadLine::TooLong), Ok("next".to_owned())];
    assert_eq!(got, expected, "(left: came)");
}

// That it takes no memory meanwhile is looked at from outside, by `hostile` and `client_distrust`.
#[test]
fn an_endless_line_is_refused_once_and_the_next_one_is_read() {
    let source = io::repeat(b'a').take(100 << 20).chain(&b"\nnext\n"[..]);
    let mut reader = LineReader::new(source, LINE_LIMIT);
    let mut got = Vec::new();
    while reader.fill().unwrap() > 0 {
        while let Some(line) = reader.next_line() {
            got.push(format!("{line:?}"));
        }
    }
    assert_eq!(got, ["Err(TooLong)", r#"Ok("next")"#], "(left: came)");
}
