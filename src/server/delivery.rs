use std::collections::HashMap;
use std::sync::Arc;

use super::connection::Connection;
use super::post::SeatId;
use super::room::Room;
use super::transcript::Transcript;

/// Sends everyone what they hear of this turn, with one `send` each, and ends it. Those who have
/// left hear their last; those who cannot be sent it get nothing more. What was said to all goes into
/// the transcript.
///
/// MUST be all that a client is sent while it is in the room, or lines could overtake each other; but
/// for `BYE replaced`, behind which nothing comes.
/// MUST NOT wait for anybody: see [`Connection::send`].
pub fn deliver(
    room: &mut Room,
    connections: &mut HashMap<SeatId, Arc<Connection>>,
    transcript: Option<&Transcript>,
) {
    let turn = room.turn();
    let mut buffer = String::new();
    let mut lost = Vec::new();
    let mut send = |seat: SeatId, connection: &Connection| {
        if !connection.send(turn.heard_by(seat, &mut buffer)) {
            lost.push(seat);
        }
    };
    match turn.addressees() {
        None => connections
            .iter()
            .for_each(|(&seat, connection)| send(seat, connection)),
        Some(addressees) => {
            for seat in addressees {
                if let Some(connection) = connections.get(&seat) {
                    send(seat, connection);
                }
            }
        }
    }
    for seat in turn.stopped() {
        if let Some(connection) = connections.remove(&seat) {
            connection.finish("");
        }
    }
    if let Some(transcript) = transcript {
        transcript.write(turn.stamped());
    }
    room.end_turn();
    for seat in lost {
        connections.remove(&seat);
        room.lose(seat);
    }
}
