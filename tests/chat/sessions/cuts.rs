//! A conversation that is cut at every byte, either way and in every manner: both ends hear what
//! they hear when it is not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::proxy::{Break, Cut, Proxy, Way};
use crate::support::{Peer, Server, wait_until};

use super::{Returning, enter};

/// How many conversations are held at once, each with a server of its own.
const AT_ONCE: usize = 6;

/// What the two in a conversation hear.
#[derive(Debug, PartialEq)]
struct Heard {
    by_ana: Vec<String>,
    by_bia: Vec<String>,
}

/// What `ana`, whose first connection breaks as `cut` says, and `bia` hear. Whether it did break is
/// the second.
fn talk(server: &Server, cut: Option<Cut>) -> (Heard, bool) {
    let mut bia = enter(server, "bia");
    let proxy = Proxy::before(server.address, cut.as_slice());
    let mut ana = Returning::enter(&proxy, "ana");
    let (is_over, wire) = (AtomicUsize::new(0), ana.member.peer.wire.clone());
    thread::scope(|scope| {
        if cut.is_some_and(|cut| cut.by == Break::Silence) {
            // Sooner or later a machine gives up what is silent, at the one end or the other.
            scope.spawn(|| {
                while proxy.breaks() == 0 && is_over.load(Ordering::Relaxed) == 0 {
                    thread::sleep(Duration::from_millis(1));
                }
                wire.hang_up();
            });
        }
        bia.expect("JOIN ana");
        ana.say(&["oi", "", "/nada", "/eu acena"]);
        bia.expect("MSG ana oi");
        bia.expect("ACT ana acena");
        bia.send_all(&["olá", "/msg ana psst"]);
        ana.hear("PRIV bia ana psst");
        bia.expect("PRIV bia ana psst");
        ana.say(&["/msg bia sim?"]);
        bia.expect("PRIV ana bia sim?");
        ana.hear("PRIV ana bia sim?");
        bia.send("/nome bea");
        ana.hear("NICK bia bea");
        bia.expect("NICK bia bea");
        ana.say(&["/nome aninha"]);
        bia.expect("NICK ana aninha");
        ana.hear("NICK ana aninha");
        ana.member.send_all(&["tchau", "/SAIR"]);
        ana.go_on_until(|_| false);
        is_over.store(1, Ordering::Relaxed);
        bia.expect("MSG aninha tchau");
        bia.expect("LEAVE aninha quit");
        bia.send("/SAIR");
        bia.wait_for("BYE quit");
    });
    let heard = Heard {
        by_ana: ana.member.heard,
        by_bia: bia.heard,
    };
    (heard, proxy.breaks() > 0)
}

/// Cuts the conversation after each byte that goes this way, once the session is there, and compares
/// what both hear with what they hear of one that is not cut.
#[track_caller]
fn cut_everywhere(way: Way, by: Break) {
    let entrance = match way {
        // Right behind the name the session would not have been heard of.
        Way::ToServer => "/session\nana\n?".len(),
        Way::ToClient => {
            let opened = format!("@2026-11-25T22:08:30.123456Z SESSION {:032} 30\n", 0);
            "<USERNAME>\nWELCOME ana 2\n".len() + opened.len()
        }
    };
    let next = AtomicUsize::new(entrance);
    let cuts: usize = thread::scope(|scope| {
        let talking: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| {
                    let server = Server::start(&[]);
                    let (uncut, _) = talk(&server, None);
                    let mut cuts = 0;
                    loop {
                        let after = next.fetch_add(1, Ordering::Relaxed);
                        let (heard, is_cut) = talk(&server, Some(Cut { way, after, by }));
                        assert_eq!(heard, uncut, "cut after {after} (left: came)");
                        if !is_cut {
                            return cuts;
                        }
                        cuts += 1;
                    }
                })
            })
            .collect();
        talking.into_iter().map(|talk| talk.join().unwrap()).sum()
    });
    let least = match way {
        Way::ToServer => 55,
        Way::ToClient => 250,
    };
    assert!(cuts >= least, "expected: {least} bytes\n    came: {cuts}");
}

#[test]
fn what_goes_to_the_server_can_be_cut_by_an_end_after_any_byte() {
    cut_everywhere(Way::ToServer, Break::Fin);
}

#[test]
fn what_goes_to_the_server_can_be_cut_by_a_reset_after_any_byte() {
    cut_everywhere(Way::ToServer, Break::Reset);
}

#[test]
fn what_goes_to_the_server_can_be_cut_by_silence_after_any_byte() {
    cut_everywhere(Way::ToServer, Break::Silence);
}

#[test]
fn what_goes_to_the_client_can_be_cut_by_an_end_after_any_byte() {
    cut_everywhere(Way::ToClient, Break::Fin);
}

#[test]
fn what_goes_to_the_client_can_be_cut_by_a_reset_after_any_byte() {
    cut_everywhere(Way::ToClient, Break::Reset);
}

#[test]
fn what_goes_to_the_client_can_be_cut_by_silence_after_any_byte() {
    cut_everywhere(Way::ToClient, Break::Silence);
}

#[test]
fn whoever_is_cut_off_while_coming_in_has_joined_and_left_or_was_never_there() {
    let server = Server::start(&["--hold", "1"]);
    let mut bia = server.join("bia");
    let start = server.held();
    let mut whole = Vec::new();
    for (way, most) in [(Way::ToServer, 14), (Way::ToClient, 100)] {
        for by in [Break::Fin, Break::Reset] {
            let cuts = (0..most).map(|after| Cut { way, after, by });
            for (n, cut) in cuts.enumerate() {
                let proxy = Proxy::before(server.address, &[cut]);
                let name = format!("{}{}{n:03}", way as u8, by as u8);
                let mut peer = Peer::connect(proxy.address);
                let _ = std::io::Write::write_all(
                    &mut peer.wire,
                    format!("/session\n{name}\n").as_bytes(),
                );
                proxy.wait_for_breaks(1);
                peer.remains();
                whole.push(name);
            }
        }
    }
    wait_until("all are gone", || server.held() == start);
    let heard = bia.sync();
    for name in &whole {
        let of_them: Vec<_> = heard.iter().filter(|line| line.contains(name)).collect();
        let lost = [format!("JOIN {name}"), format!("LEAVE {name} lost")];
        let expected: &[String] = if of_them.is_empty() { &[] } else { &lost };
        assert_eq!(of_them, expected.iter().collect::<Vec<_>>(), "(left: came)");
    }
    let is_torn = |line: &&String| !whole.iter().any(|name| line.contains(name));
    let torn: Vec<_> = heard.iter().filter(is_torn).collect();
    assert_eq!(torn, [""; 0], "(left: came)");
}
