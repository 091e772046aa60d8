use std::mem;

/// How many lines are kept.
const MOST_LINES: usize = 1000;

/// What was said before, for Up, Down and Ctrl-R.
#[derive(Default)]
pub struct History {
    lines: Vec<String>,
    /// How many lines back one is; 0 is what is being typed, which `half` keeps meanwhile.
    back: usize,
    half: String,
    search: Option<Search>,
}

#[derive(Default)]
struct Search {
    wanted: String,
    /// Which line has it.
    found: Option<usize>,
}

/// What a search shows.
pub struct Found<'a> {
    pub wanted: &'a str,
    /// The line that has it.
    pub line: Option<&'a str>,
}

impl History {
    /// Keeps `line` as the latest.
    pub fn remember(&mut self, line: &str) {
        if !line.trim().is_empty() && self.lines.last().is_none_or(|last| last != line) {
            self.lines.push(line.to_owned());
        }
        if self.lines.len() > MOST_LINES {
            self.lines.remove(0);
        }
    }

    /// The line one further back, or forth, when `left` is what one comes from. `None` when there
    /// is no more.
    pub fn go(&mut self, further_back: bool, left: &str) -> Option<String> {
        let back = match further_back {
            true => self.back + 1,
            false => self.back.checked_sub(1)?,
        };
        let at = self.lines.len().checked_sub(back)?;
        if self.back == 0 {
            self.half = left.to_owned();
        }
        self.back = back;
        Some(match self.lines.get(at) {
            Some(line) => line.clone(),
            None => mem::take(&mut self.half),
        })
    }

    /// What is typed next is a new line.
    pub fn leave(&mut self) {
        (self.back, self.half) = (0, String::new());
    }

    /// Begins a search, or goes on with it to an earlier line.
    pub fn search(&mut self) {
        let found = self.search.get_or_insert_default().found;
        self.search_before(found.unwrap_or(self.lines.len()));
    }

    /// Searches for one character more, or for one less.
    pub fn search_for(&mut self, more: Option<char>) {
        let search = self.search.get_or_insert_default();
        match more {
            Some(c) => search.wanted.push(c),
            None => drop(search.wanted.pop()),
        }
        search.found = None;
        self.search_before(self.lines.len());
    }

    fn search_before(&mut self, end: usize) {
        if let Some(search) = self
            .search
            .as_mut()
            .filter(|search| !search.wanted.is_empty())
        {
            let mut lines = self.lines[..end].iter();
            let earlier = lines.rposition(|line| line.contains(&search.wanted));
            search.found = earlier.or(search.found);
        }
    }

    /// Ends the search.
    pub fn end_search(&mut self) {
        self.search = None;
    }

    /// What the search shows, if there is one.
    pub fn found(&self) -> Option<Found<'_>> {
        let search = self.search.as_ref()?;
        let line = search.found.map(|at| self.lines[at].as_str());
        let wanted = &search.wanted;
        Some(Found { wanted, line })
    }
}

impl Found<'_> {
    /// Where in the line it was found.
    pub fn place(&self) -> usize {
        let place = self.line.and_then(|line| line.find(self.wanted));
        place.unwrap_or(0)
    }
}
