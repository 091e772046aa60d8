//! What takes as long as the program waits by itself. It stands first among the modules, for what
//! waits long is to begin early.

use std::time::Duration;

use crate::support::client::last_words;
use crate::support::network::Network;
use crate::support::{Process, wait_within};

#[test]
fn a_cable_that_is_cut_is_noticed_at_both_ends_within_a_minute_encrypted_or_not() {
    let Some(network) = Network::new() else {
        return;
    };
    let rooms = [false, true].map(|is_sealed| {
        let server = network.server(is_sealed, &[]);
        let client = |machine, name| network.client(machine, server.address, name);
        let watcher = client(0, "watcher");
        let silent = client(1, "silent");
        let speaks = client(1, "speaks");
        watcher.stdout.wait_for("speaks joined");
        (server, watcher, [("silent", silent), ("speaks", speaks)])
    });

    network.cut(1);
    let mut rooms = rooms.map(|(server, watcher, mut ends)| {
        // What is on its way keeps the kernel from asking whether anybody is there.
        (0..20).for_each(|n| ends[1].1.send(&n.to_string()));
        (server, watcher, ends)
    });
    wait_within(Duration::from_secs(60), "all is noticed", || {
        let has_ended = |client: &mut Process| client.child.try_wait().unwrap().is_some();
        rooms.iter_mut().all(|(_, watcher, ends)| {
            let shown = watcher.stdout.so_far();
            ends.iter_mut().all(|(name, client)| {
                shown.contains(&format!("{name} left (connection lost)")) & has_ended(client)
            })
        })
    });
    for (_server, _watcher, ends) in rooms {
        for (name, mut client) in ends {
            let told = last_words(&mut client, 1);
            assert!(told.contains("was lost"), "{name}: {told}");
        }
    }
}
