//! Programs that know nothing of this chat take part in it encrypted.

use std::process::Command;

use super::{Folder, sealed_server};
use crate::support::{Process, skip};

/// A program joins, hears, talks and leaves.
#[track_caller]
fn take_part(program: &str, flags: impl Fn(&str, &str) -> Vec<String>) {
    if Command::new(program).arg("--version").output().is_err() {
        return skip(&format!("there is no {program}"));
    }
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &[]);
    let mut ana = server.join("ana");
    let (host, port) = (server.address.ip().to_string(), server.address.port());
    let mut command = Command::new(program);
    let mut bia = Process::spawn(command.args(flags(&host, &port.to_string())));
    bia.stdout.wait_for("<USERNAME>");
    bia.send("bia");
    bia.stdout.wait_for("WELCOME bia 2");
    ana.expect("JOIN bia");
    ana.send("oi, bia");
    bia.stdout.wait_for("MSG ana oi, bia");
    bia.send("oi!");
    ana.expect("MSG bia oi!");
    let long = "ã".repeat(2000);
    bia.send(&long);
    ana.expect(&format!("MSG bia {long}"));
    bia.send("/SAIR");
    bia.stdout.wait_for("BYE quit");
    ana.expect("LEAVE bia quit");
    bia.end_input();
    bia.finish();
    assert_eq!(bia.stdout.so_far().lines().last(), Some("BYE quit"));
}

fn words(words: &str) -> Vec<String> {
    words.split(' ').map(str::to_owned).collect()
}

#[test]
fn openssl() {
    take_part("openssl", |host, port| {
        words(&format!("s_client -quiet -connect {host}:{port}"))
    });
}

#[test]
fn ncat() {
    take_part("ncat", |host, port| words(&format!("--ssl {host} {port}")));
}

#[test]
fn socat() {
    take_part("socat", |host, port| {
        words(&format!("- OPENSSL:{host}:{port},verify=0"))
    });
}

#[test]
fn python() {
    const SCRIPT: &str = "
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
server = context.wrap_socket(socket.create_connection((sys.argv[1], int(sys.argv[2]))))
def listen():
    for line in server.makefile(encoding='utf-8', newline='\\n'):
        sys.stdout.write(line)
        sys.stdout.flush()
listener = threading.Thread(target=listen)
listener.start()
for line in sys.stdin:
    server.sendall(line.encode())
listener.join()
";
    take_part("python3", |host, port| {
        ["-c", SCRIPT, host, port].map(str::to_owned).to_vec()
    });
}

#[test]
fn openssl_finds_no_tls_but_1_3_and_no_tickets() {
    if Command::new("openssl").arg("version").output().is_err() {
        return skip("there is no openssl");
    }
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &[]);
    let address = server.address.to_string();
    let ask = |flags: &[&str]| {
        let mut command = Command::new("openssl");
        let command = command.args(["s_client", "-connect", &address]).args(flags);
        let mut process = Process::spawn(command);
        process.end_input();
        process.finish();
        process.stdout.so_far() + &process.stderr.so_far()
    };
    let modern = ask(&["-tls1_3"]);
    assert!(modern.contains("TLSv1.3, Cipher is TLS_"), "{modern}");
    assert!(!modern.contains("TLS session ticket:"), "{modern}");
    let old = ask(&["-tls1_2"]);
    assert!(old.contains("alert protocol version"), "{old}");
}
