use std::time::{Duration, Instant};

/// A token bucket: holds `burst` tokens, gains `rate` of them a second, and may fall into debt,
/// which its owner waits off.
#[derive(Clone)]
pub struct TokenBucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    counted: Instant,
}

impl TokenBucket {
    /// Full at `now`. A rate of 0 is no limit.
    pub fn new(rate: u32, burst: u32, now: Instant) -> Self {
        TokenBucket {
            rate: rate.into(),
            burst: burst.into(),
            tokens: burst.into(),
            counted: now,
        }
    }

    /// How long it takes to fill once it is empty.
    pub fn time_to_fill(&self) -> Duration {
        match self.rate {
            0.0 => Duration::ZERO,
            rate => Duration::from_secs_f64(self.burst / rate),
        }
    }

    /// Takes one token at `now` and says how long to wait before using it.
    pub fn take(&mut self, now: Instant) -> Duration {
        if self.rate == 0.0 {
            return Duration::ZERO;
        }
        let gained = now.saturating_duration_since(self.counted).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + gained).min(self.burst) - 1.0;
        self.counted = now;
        Duration::from_secs_f64((-self.tokens / self.rate).max(0.0))
    }

    /// Takes more tokens, to be waited for at the next [`take`](Self::take).
    pub fn charge(&mut self, tokens: usize) {
        self.tokens -= tokens as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_at_once_and_the_rest_at_the_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10, 50, start);
        let waits: Vec<Duration> = (0..53).map(|_| bucket.take(start)).collect();
        assert_eq!(waits[..50], [Duration::ZERO; 50]);
        assert_eq!(waits[50..], [SECOND / 10, SECOND / 5, SECOND * 3 / 10]);
    }

    #[test]
    fn patience_fills_the_bucket_again_but_never_past_its_burst() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(2, 3, start);
        (0..5).for_each(|_| _ = bucket.take(start));
        assert_eq!(bucket.take(start + SECOND), SECOND / 2);
        let much_later = start + 1000 * SECOND;
        assert_eq!([0; 3].map(|_| bucket.take(much_later)), [Duration::ZERO; 3]);
        assert_eq!(bucket.take(much_later), SECOND / 2);
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(0, 1, start);
        assert!((0..1000).all(|_| bucket.take(start).is_zero()));
    }
}
