//! Somebody with a session who does not read what is sent.

use std::io::Write;

use super::enter;
use crate::support::{Server, wait_until};

/// Long enough to fill what the kernels hold in a moment.
const PADDING: usize = 2000;

#[test]
fn whoever_does_not_read_is_held_as_slow_and_then_told_or_counted_what_they_missed() {
    let server = Server::start(&[]);
    let mut bia = server.join("bia");
    let mut ana = enter(&server, "ana");
    bia.expect("JOIN ana");
    let padding = "x".repeat(PADDING);
    let mut said = 0;
    wait_until("ana is held", || {
        bia.send(&format!("{said} {padding}"));
        said += 1;
        server.log().contains("ana is held")
    });
    assert_eq!(bia.sync(), [""; 0], "(left: came)");

    // What has arrived can still be read, and is not told again.
    let mut heard = 0;
    while let Some(line) = ana.line() {
        assert_eq!(line, format!("MSG bia {heard} {padding}"), "(left: came)");
        heard += 1;
    }
    ana.come_back(server.connect());
    let mut told = ana.sync();
    let missed = told.remove(0);
    let missed: usize = missed.strip_prefix("MISSED ").unwrap().parse().unwrap();
    for (line, n) in told.iter().zip(heard + missed..) {
        assert_eq!(*line, format!("MSG bia {n} {padding}"), "(left: came)");
    }
    assert_eq!(heard + missed + told.len(), said, "(left: came)");
    assert_eq!(bia.sync(), [""; 0], "(left: came)");
}

#[test]
fn whoever_does_not_come_back_has_left_as_slow_and_whoever_does_is_as_before() {
    let server = Server::start(&["--hold", "1", "--send-buffer", "16"]);
    let mut bia = server.join("bia");
    let mut ana = enter(&server, "ana");
    bia.expect("JOIN ana");
    let padding = "x".repeat(PADDING);
    let mut flood = || {
        wait_until("ana is held", || {
            let _ = bia.wire.write_all(format!("{padding}\n").as_bytes());
            server.log().contains("ana is held")
        });
    };
    flood();
    bia.expect("LEAVE ana slow");
    ana.come_back(server.connect());
    bia.expect("JOIN ana");
    ana.go_away(&server);
    bia.expect("LEAVE ana lost");
}
