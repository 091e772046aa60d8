//! Whom a client believes.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::Instant;

use super::{Folder, fingerprint_of, own_address, sealed_server};
use crate::support::client::{Impostor, LANGS, client, client_of, last_words};
use crate::support::{Process, Server};

/// The client, towards `server` at the address at which others reach it, with these servers known.
fn known(server: &Server, host: &str, file: &Path, flags: &[&str]) -> Process {
    let port = server.address.port().to_string();
    let mut command = client(&["--host", host, "--port", &port, "--username", "ana"]);
    command.arg("--known-servers").arg(file).args(flags);
    if !flags.contains(&"--lang") {
        command.args(["--lang", "en"]);
    }
    Process::spawn(&mut command)
}

/// Comes in and leaves; what was said on standard error.
#[track_caller]
fn visit(mut process: Process) -> String {
    process.stdout.wait_for("Hello, ana");
    process.end_input();
    assert_eq!(process.finish(), Some(0), "(left: came)");
    process.stderr.so_far()
}

#[test]
fn a_new_server_is_believed_remembered_and_told_once() {
    let Some(host) = own_address() else { return };
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &["--bind", "0.0.0.0:0"]);
    let (key, file) = (fingerprint_of(&server), folder.path("client/known"));
    let told = visit(known(&server, &host, &file, &[]));
    assert!(
        told.starts_with("New server: ") && told.contains(&key),
        "{told}"
    );
    assert_eq!(told.lines().count(), 1, "{told}");
    let line = format!("{host}:{} {key}\n", server.address.port());
    assert_eq!(fs::read_to_string(&file).unwrap(), line);
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(visit(known(&server, &host, &file, &[])), "");
    assert_eq!(fs::read_to_string(&file).unwrap(), line);
}

#[test]
fn a_changed_key_is_refused_with_both_and_the_line_to_remove() {
    let Some(host) = own_address() else { return };
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &["--bind", "0.0.0.0:0"]);
    let (key, file) = (fingerprint_of(&server), folder.path("known"));
    let other = "00000-11111-22222-33333";
    let port = server.address.port();
    fs::write(&file, format!("other:1 {key}\n{host}:{port} {other}\n")).unwrap();
    let before = fs::read_to_string(&file).unwrap();
    let words = [
        format!("linha 2 de {}", file.display()),
        format!("line 2 of {}", file.display()),
    ];
    for (lang, words) in LANGS.into_iter().zip(words) {
        let told = last_words(&mut known(&server, &host, &file, &["--lang", lang]), 1);
        assert!(told.contains(&key) && told.contains(other), "{told}");
        assert!(told.contains(&words), "{told}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    // Nobody was let in.
    assert!(!server.log().contains("joined"), "{}", server.log());
}

#[test]
fn a_line_about_a_server_counts_however_it_is_written() {
    let Some(host) = own_address() else { return };
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &["--bind", "0.0.0.0:0"]);
    let (file, other) = (folder.path("known"), "00000-11111-22222-33333");
    let name = format!("{host}:{}", server.address.port());
    for line in [
        format!("{name} {other} a comment"),
        format!("{name}\t{other}\r"),
        format!("  {name}  {other}"),
        format!("\u{feff}{name} {other}"),
        format!("[::ffff:{host}]:{} {other}", server.address.port()),
    ] {
        fs::write(&file, &line).unwrap();
        let told = last_words(&mut known(&server, &host, &file, &[]), 1);
        assert!(told.contains("has changed"), "{line:?}: {told}");
        assert!(told.contains(other) && told.contains("line 1"), "{told}");
        assert_eq!(fs::read_to_string(&file).unwrap(), line);
    }
}

#[test]
fn a_line_about_a_server_without_a_key_that_can_be_read_is_told() {
    let Some(host) = own_address() else { return };
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &["--bind", "0.0.0.0:0"]);
    let (key, file) = (fingerprint_of(&server), folder.path("known"));
    let name = format!("{host}:{}", server.address.port());
    for entry in ["", " 7Q4KD", " key 7Q4KD-0M2XB-R9V5T-HJ3WC"] {
        let text = format!("other:1 {key}\n{name}{entry}\n");
        fs::write(&file, &text).unwrap();
        let words = [
            format!("linha 2 de {}", file.display()),
            format!("ine 2 of {}", file.display()),
        ];
        for (lang, words) in LANGS.into_iter().zip(words) {
            let told = last_words(&mut known(&server, &host, &file, &["--lang", lang]), 1);
            assert!(told.contains(&words) && told.contains(&name), "{told}");
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    assert!(!server.log().contains("joined"), "{}", server.log());
    // A given key decides, and takes its place.
    visit(known(&server, &host, &file, &["--fingerprint", &key]));
    let expected = format!("other:1 {key}\n{name} {key}\n");
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
}

#[test]
fn an_address_is_remembered_in_its_usual_spelling() {
    let Some(host) = own_address() else { return };
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &["--bind", "0.0.0.0:0"]);
    let (key, file) = (fingerprint_of(&server), folder.path("known"));
    let spelling = format!("0::ffff:{host}");
    visit(known(&server, &spelling, &file, &[]));
    let line = format!("{host}:{} {key}\n", server.address.port());
    assert_eq!(fs::read_to_string(&file).unwrap(), line);
    assert_eq!(visit(known(&server, &host, &file, &[])), "");
}

#[test]
fn a_given_fingerprint_decides_and_replaces_what_was_known() {
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &[]);
    let (key, file) = (fingerprint_of(&server), folder.path("known"));
    let port = server.address.port();
    let [stale, other] = ["00000-11111-22222-33333", "other:1 00000-11111-22222-44444"];
    let line = format!("127.0.0.1:{port} {stale}\n");
    fs::write(&file, format!("{line}{other}\n{line}")).unwrap();
    let typed = key.to_lowercase().replace('0', "o").replace('1', "l");
    visit(known(
        &server,
        "127.0.0.1",
        &file,
        &["--fingerprint", &typed],
    ));
    let expected = format!("{other}\n127.0.0.1:{port} {key}\n");
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);

    for (lang, words) in LANGS.into_iter().zip(["e não", "not"]) {
        let flags = ["--lang", lang, "--fingerprint", stale];
        let told = last_words(&mut known(&server, "127.0.0.1", &file, &flags), 1);
        assert!(told.contains(&format!("{key}, {words} {stale}")), "{told}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
}

#[test]
fn on_this_machine_a_key_is_neither_remembered_nor_checked() {
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &[]);
    let file = folder.path("known");
    assert_eq!(visit(known(&server, "127.0.0.1", &file, &[])), "");
    assert!(!file.exists());
    let port = server.address.port();
    let stale = format!("127.0.0.1:{port} 00000-11111-22222-33333\n");
    fs::write(&file, &stale).unwrap();
    assert_eq!(visit(known(&server, "127.0.0.1", &file, &[])), "");
    assert_eq!(fs::read_to_string(&file).unwrap(), stale);
}

#[test]
fn a_malformed_fingerprint_is_wrong_usage() {
    for (lang, words) in LANGS.into_iter().zip(["não é a chave", "is not the key"]) {
        for typed in [
            "",
            "abc",
            "00000-11111-22222-3333U",
            "00000-11111-22222-333333",
        ] {
            let flags = ["--lang", lang, "--fingerprint", typed];
            let told = last_words(&mut Process::spawn(&mut client(&flags)), 2);
            assert!(told.contains(&format!("\"{typed}\" {words}")), "{told}");
        }
    }
}

#[test]
fn a_list_of_servers_that_cannot_be_read_is_told_and_nothing_is_believed() {
    let Some(host) = own_address() else { return };
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &["--bind", "0.0.0.0:0"]);
    for (lang, words) in LANGS
        .into_iter()
        .zip(["não se deixa ler", "cannot be read"])
    {
        let told = last_words(&mut known(&server, &host, &folder.0, &["--lang", lang]), 1);
        assert!(
            told.contains(words) && told.contains("--known-servers"),
            "{told}"
        );
    }
}

#[test]
fn where_nothing_can_be_remembered_a_server_is_new_each_time_and_that_is_told() {
    let Some(host) = own_address() else { return };
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &["--bind", "0.0.0.0:0"]);
    fs::write(folder.path("file"), "").unwrap();
    let file = folder.path("file/known");
    for _ in 0..2 {
        let told = visit(known(&server, &host, &file, &[]));
        assert!(told.contains("New server"), "{told}");
        assert!(told.contains("could not be kept"), "{told}");
    }
}

/// What a client says of a server that sends `bytes` as soon as it has read something, and then
/// closes or waits.
#[track_caller]
fn expect_words_of(bytes: &'static [u8], closes: bool, words: [&str; 2]) {
    let clients = LANGS.map(|lang| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let flags = ["--host", "127.0.0.1", "--port", &port, "--lang", lang];
        let process = Process::spawn(&mut client(&flags));
        let (mut socket, _) = listener.accept().unwrap();
        assert!(socket.read(&mut [0; 4096]).unwrap() > 0, "it begins");
        socket.write_all(bytes).unwrap();
        (process, (!closes).then_some(socket))
    });
    for ((mut process, _kept), words) in clients.into_iter().zip(words) {
        let told = last_words(&mut process, 1);
        assert!(
            told.contains(words),
            "expected: …{words}…\n    came: {told}"
        );
    }
}

#[test]
fn a_server_that_does_not_encrypt_is_told_at_once_and_names_the_flag() {
    let words = ["entre com --plaintext", "come in with --plaintext"];
    expect_words_of(b"HTTP/1.1 400 Bad Request\r\n\r\n", true, words);
    expect_words_of(b"SSH-2.0-OpenSSH_9.6\r\n", false, words);
    expect_words_of(b"<USERNAME>\nERR not-utf8\n", false, words);
    expect_words_of(b"<USERNAME>\n", false, words);
    expect_words_of(b"\x4a\0\0\0\x0a8.0.36\0", false, words);
}

#[test]
fn a_farewell_in_plain_before_the_handshake_is_understood() {
    let words = ["está cheio", "is full"];
    expect_words_of(b"BYE server-full\n", true, words);
    expect_words_of(b"<USERNAME>\nBYE server-full\n", false, words);
}

#[test]
fn a_handshake_that_fails_is_told_in_words_of_ours() {
    let closed = ["fechou a conexão", "closed the connection"];
    expect_words_of(b"", true, closed);
    // An alert: handshake_failure (RFC 8446, section 6.2).
    let other = [
        "não cifra como este programa",
        "does not encrypt as this program",
    ];
    expect_words_of(b"\x15\x03\x03\x00\x02\x02\x28", false, other);
    let garbled = ["não se deixa decifrar", "cannot be deciphered"];
    expect_words_of(b"\x16\x03\x03\x00\x04\xff\xff\xff\xff", false, garbled);
    expect_words_of(b"\x17\x03\x03\xff\xff", false, garbled);
    // Half a record, and the end.
    expect_words_of(b"\x16\x03\x03\x00\x7a\x02", true, closed);
}

#[test]
fn a_server_that_stays_silent_is_told_within_ten_seconds_encrypted_or_not() {
    let silent = ["nada diz", "says nothing"];
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| expect_words_of(b"", false, silent));
        scope.spawn(|| expect_words_of(b"\x16\x03\x03", false, silent));
        scope.spawn(|| {
            // As a web server does, which waits to be spoken to.
            let impostor = Impostor::listen();
            let mut process = Process::spawn(&mut client_of(impostor.address, &[]));
            let _silent = impostor.accept();
            assert!(last_words(&mut process, 1).contains(silent[1]));
        });
    });
    let took = start.elapsed();
    assert!(
        (10..12).contains(&took.as_secs()),
        "expected: ten seconds\n    came: {took:?}"
    );
}

#[test]
fn whoever_comes_back_demands_the_key_of_before_also_where_none_is_checked() {
    let folder = Folder::new();
    let start = |state: &str, bind: &str| sealed_server(&folder.path(state), &["--bind", bind]);
    let server = start("state", "127.0.0.1:0");
    let (address, key) = (server.address, fingerprint_of(&server));
    let flags = ["--username", "ana", "--reconnect", "30"];
    let mut ana = Process::spawn(&mut client_of(address, &flags));
    ana.stdout.wait_for("Hello, ana");
    drop(server);
    ana.wait_for("trying again");
    let server = start("state", &address.to_string());
    ana.stdout.wait_for("Back after");
    drop(server);
    ana.wait_for("trying again");
    let server = start("another", &address.to_string());
    let words = ana.last_words(1);
    let last = words.lines().last().unwrap();
    for key in [key, fingerprint_of(&server)] {
        assert!(last.contains(&key), "expected: {key}\n    came: {words}");
    }
    assert!(!server.log().contains("joined"), "{}", server.log());
}
