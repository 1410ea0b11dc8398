//! When to connect, when to ask whether anybody is still there, and when to give up on a connection. Pure: time and chance come in.

/// How the connection to the server stands, in the words that pages show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    Connecting,
    Live,
    Reconnecting,
    /// The browser says that there is no network.
    Offline,
    /// Trying again does not help.
    Refused(&'static str),
}

/// The server closes a connection that was silent for 45 s.
const PING_EVERY: i64 = 30_000;
/// An answer takes no longer than this on a link that lives.
const ANSWER: i64 = 8_000;
/// Opening takes no longer.
const OPENING: i64 = 15_000;
/// Steps of the clock that are larger than this mean that the device slept, or that the tab was held up.
const SLEPT: i64 = 12_000;
/// What was heard so lately needs no question when a person comes back to the page.
const FRESH: i64 = 5_000;
const FIRST_PAUSE: f64 = 500.0;
const LONGEST_PAUSE: f64 = 30_000.0;

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Nothing,
    Connect,
    Ping,
    /// Let the connection go; [`Pulse::lost`] follows.
    Drop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opening {
        since: i64,
    },
    Open {
        heard: i64,
        asked: Option<i64>,
    },
    Waiting {
        until: i64,
    },
    /// Until somebody does something.
    Stopped,
}

/// The connection's pulse. All times are UTC milliseconds of the device.
#[derive(Debug)]
pub struct Pulse {
    phase: Phase,
    /// Attempts since the last one that worked.
    attempts: u32,
    ticked: i64,
    online: bool,
    refused: Option<&'static str>,
    ever: bool,
}

impl Pulse {
    pub fn new(now: i64) -> Self {
        Self { phase: Phase::Waiting { until: now }, attempts: 0, ticked: now, online: true, refused: None, ever: false }
    }

    pub fn link(&self) -> Link {
        if let Some(why) = self.refused {
            return Link::Refused(why);
        }
        match self.phase {
            Phase::Open { .. } => Link::Live,
            _ if !self.online => Link::Offline,
            _ if self.ever || self.attempts > 1 => Link::Reconnecting,
            _ => Link::Connecting,
        }
    }

    /// Once a second.
    pub fn tick(&mut self, now: i64) -> Act {
        let slept = now - self.ticked > SLEPT;
        self.ticked = now;
        match self.phase {
            Phase::Waiting { until } if now >= until || slept => Act::Connect,
            Phase::Opening { since } if now - since > OPENING => Act::Drop,
            Phase::Open { asked: Some(asked), .. } if now - asked > ANSWER => Act::Drop,
            Phase::Open { heard, asked: None } if slept || now - heard > PING_EVERY => Act::Ping,
            _ => Act::Nothing,
        }
    }

    /// A person came back to the page, or the browser says something about the network.
    pub fn wake(&mut self, now: i64, online: bool) -> Act {
        let back = online && !self.online;
        self.online = online;
        if back {
            self.attempts = 0;
        }
        match self.phase {
            Phase::Waiting { .. } if online => Act::Connect,
            // What was open when the network went may be gone without a word: the answer tells, or that there is none.
            Phase::Open { heard, asked: None } if back || !online || now - heard > FRESH => Act::Ping,
            _ => Act::Nothing,
        }
    }

    pub fn opening(&mut self, now: i64) {
        self.attempts = self.attempts.saturating_add(1);
        self.phase = Phase::Opening { since: now };
    }

    pub fn asked(&mut self, now: i64) {
        if let Phase::Open { asked, .. } = &mut self.phase {
            *asked = Some(now);
        }
    }

    /// A frame came: the link lives. True when it is the first one of this connection.
    pub fn heard(&mut self, now: i64) -> bool {
        let first = !matches!(self.phase, Phase::Open { .. });
        self.phase = Phase::Open { heard: now, asked: None };
        self.attempts = 0;
        self.ever = true;
        first
    }

    /// The connection ended with this code (1006: without a word); `chance` is from 0 to 1.
    pub fn lost(&mut self, code: u16, now: i64, chance: f64) {
        if code == 4401 {
            self.refused = Some("You were signed out. Sign in again.");
            self.phase = Phase::Stopped;
            return;
        }
        self.phase = Phase::Waiting { until: now + pause(self.attempts, chance) };
    }
}

/// Half of the first pause, so that a server that fails at once is not hammered, and a random part of a span that doubles with each attempt, so that
/// those who were cut off together do not come back together.
fn pause(attempts: u32, chance: f64) -> i64 {
    let least = FIRST_PAUSE / 2.0;
    let span = (FIRST_PAUSE * 2_f64.powi(attempts.min(16) as i32)).min(LONGEST_PAUSE - least);
    (least + span * chance) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(at: i64) -> Pulse {
        let mut pulse = Pulse::new(at);
        assert_eq!(pulse.tick(at), Act::Connect);
        pulse.opening(at);
        assert!(pulse.heard(at));
        pulse
    }

    #[test]
    fn pauses_grow_to_half_a_minute_and_are_spread() {
        assert_eq!(pause(0, 0.5), 500);
        assert_eq!(pause(0, 1.0), 750);
        assert_eq!(pause(3, 0.5), 2_250);
        assert_eq!(pause(3, 1.0), 4_250);
        assert_eq!(pause(60, 1.0), 30_000);
        for attempts in [0, 1, 3, 60] {
            assert_eq!(pause(attempts, 0.0), 250, "nobody comes back sooner");
        }
    }

    #[test]
    fn those_who_were_cut_off_together_are_apart_from_the_first_try_on() {
        for attempts in [0, 1, 3, 60] {
            let pauses: Vec<i64> = (0..=10).map(|tenth| pause(attempts, f64::from(tenth) / 10.0)).collect();
            assert!(pauses.windows(2).all(|two| two[1] > two[0] + 40), "{pauses:?}");
        }
    }

    #[test]
    fn an_answer_after_the_network_went_does_not_hide_that_one_is_offline() {
        let mut pulse = open(0);
        assert_eq!(pulse.wake(1_000, false), Act::Ping);
        pulse.asked(1_000);
        pulse.heard(1_010);
        assert_eq!(pulse.link(), Link::Live);
        pulse.lost(1006, 1_020, 0.5);
        assert_eq!(pulse.link(), Link::Offline);
    }

    #[test]
    fn a_silent_link_is_asked_and_then_let_go() {
        let mut pulse = open(0);
        assert_eq!(pulse.tick(10_000), Act::Nothing);
        assert_eq!(pulse.tick(20_000), Act::Nothing);
        assert_eq!(pulse.tick(30_001), Act::Ping);
        pulse.asked(30_001);
        assert_eq!(pulse.tick(38_000), Act::Nothing);
        assert_eq!(pulse.tick(38_002), Act::Drop);
        pulse.lost(1006, 38_002, 1.0);
        assert_eq!(pulse.link(), Link::Reconnecting);
        assert_eq!(pulse.tick(38_003), Act::Nothing);
        assert_eq!(pulse.tick(38_752), Act::Connect);
    }

    #[test]
    fn an_answer_keeps_it() {
        let mut pulse = open(0);
        assert_eq!(pulse.tick(10_000), Act::Nothing);
        pulse.asked(10_000);
        assert!(!pulse.heard(10_050));
        // Without the answer it would be let go by now.
        assert_eq!(pulse.tick(20_000), Act::Nothing);
        assert_eq!(pulse.link(), Link::Live);
    }

    #[test]
    fn the_network_and_a_person_who_comes_back_shorten_the_wait() {
        let mut pulse = open(0);
        pulse.lost(1006, 1_000, 1.0);
        for _ in 0..8 {
            pulse.opening(1_000);
            pulse.lost(1006, 1_000, 1.0);
        }
        assert_eq!(pulse.tick(2_000), Act::Nothing);
        assert_eq!(pulse.wake(2_100, false), Act::Nothing);
        assert_eq!(pulse.link(), Link::Offline);
        assert_eq!(pulse.wake(2_200, true), Act::Connect);
    }

    #[test]
    fn after_sleep_the_link_is_asked_at_once() {
        let mut pulse = open(0);
        pulse.tick(1_000);
        assert_eq!(pulse.tick(20_000), Act::Ping);
        let mut waiting = Pulse::new(0);
        waiting.opening(0);
        waiting.lost(1006, 0, 1.0);
        waiting.lost(1006, 0, 1.0);
        assert_eq!(waiting.tick(60_000), Act::Connect);
    }

    #[test]
    fn who_was_signed_out_does_not_knock_again() {
        let mut pulse = open(0);
        pulse.lost(4401, 1_000, 0.5);
        assert!(matches!(pulse.link(), Link::Refused(_)));
        assert_eq!(pulse.tick(100_000), Act::Nothing);
        assert_eq!(pulse.wake(100_000, true), Act::Nothing);
    }
}
