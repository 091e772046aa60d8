use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;

use super::connection::{Connection, Undelivered};
use super::outbox::Occupant;

/// How many asides a reader keeps room for between deliveries.
const ASIDES: usize = 16;

/// What the registry knows of one person: where to send, and what the delivery under way owes
/// them.
pub struct Reader {
    pub connection: Arc<Connection>,
    /// A delivery failed: half a line may stand at its end, and nothing may follow it.
    pub is_deaf: bool,
    /// Which of the public bytes are for them; a newcomer hears nothing older than itself.
    hears: Range<usize>,
    asides: Vec<Aside>,
}

/// Where one person's lines differ from the public ones: `skip` public bytes (their own) are left
/// out, and some bytes apart, for them alone, are put in.
struct Aside {
    at: usize,
    skip: usize,
    apart: Range<usize>,
}

impl Reader {
    /// Who hears what is public from `from` on.
    pub fn new(connection: Arc<Connection>, from: usize) -> Self {
        Reader {
            connection,
            is_deaf: false,
            hears: from..usize::MAX,
            asides: Vec::new(),
        }
    }

    /// Whether this is that occupant, and not a later client of the same name.
    pub fn is(&self, occupant: &Occupant) -> bool {
        Arc::ptr_eq(&self.connection, &occupant.connection)
    }

    /// Whether this delivery has something for them that it has not for everyone.
    pub fn has_asides(&self) -> bool {
        !self.asides.is_empty()
    }

    /// How often this was put in for them.
    pub fn times_put_in(&self, apart: &Range<usize>) -> usize {
        let is_this = |aside: &&Aside| aside.apart == *apart;
        self.asides.iter().filter(is_this).count()
    }

    /// Owes nothing any more: the delivery under way failed, and its lines are gone with it.
    pub fn forget(&mut self) {
        self.asides.clear();
        self.hears.start = 0;
    }

    /// Leaves out `skip` public bytes at `at`, and puts in some that are `apart`.
    pub fn set_aside(&mut self, at: usize, skip: usize, apart: Range<usize>) {
        self.asides.push(Aside { at, skip, apart });
    }

    /// Leaves out what is public from `end` on.
    pub fn hear_until(&mut self, end: usize) {
        self.hears.end = end;
    }

    /// Sends what is owed, if anything; nothing is owed then. `slices` is scrap, lent so that not
    /// every reader needs its own.
    pub fn send<'b>(
        &mut self,
        public: &'b [u8],
        apart: &'b [u8],
        slices: &mut Vec<IoSlice<'b>>,
    ) -> Result<(), Undelivered> {
        slices.clear();
        let mut add = |bytes: &'b [u8]| {
            if !bytes.is_empty() {
                slices.push(IoSlice::new(bytes));
            }
        };
        let mut at = self.hears.start;
        for aside in self.asides.drain(..) {
            add(&public[at..aside.at]);
            add(&apart[aside.apart]);
            at = aside.at + aside.skip;
        }
        add(&public[at..self.hears.end.min(public.len())]);
        self.hears.start = 0;
        self.asides.shrink_to(ASIDES);
        if self.is_deaf || slices.is_empty() {
            return Ok(());
        }
        let sent = self.connection.send(slices);
        self.is_deaf = sent.is_err();
        sent
    }
}
