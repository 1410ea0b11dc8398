//! Puts in order whatever a source says.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::model::{Notice, Step, Trace, limits};
use crate::text::{LATEST, cut, keep, one_line, plain};

/// Ten years in milliseconds: nothing runs longer.
const LONGEST: u64 = 315_360_000_000;
/// More tokens than any run has; sums of them stay within what SQL counts with.
const MOST_TOKENS: u64 = 1_000_000_000_000;
/// More dollars than any run costs.
const MOST_COST: f64 = 1e6;
/// Of a dollar: with at most 15 digits a cost is the same in every text.
const COST_PARTS: f64 = 1e9;

impl Trace {
    /// Puts the trace in order, and says in `notices` what was not: everything within [`limits`], parents before children and only such as
    /// are there, clocks that run forwards, no NUL.
    ///
    /// `mask` takes secrets out of the goal, inputs, outputs and names; `suspicious` says whether such a text reads like an instruction. A second
    /// time changes nothing, if masking a masked text changes nothing.
    pub fn tidy(&mut self, mask: impl Fn(&str) -> Cow<'_, str>, suspicious: impl Fn(&str) -> bool) {
        let mut found = Found { mask, notices: std::mem::take(&mut self.notices) };
        self.clocks(&mut found.notices);
        self.order(&mut found.notices);
        self.leave_out(&mut found.notices);

        found.text(&mut self.goal, limits::GOAL, true);
        self.goal = self.goal.trim().to_owned();
        for step in &mut self.steps {
            found.name(&mut step.name, limits::NAME);
            found.text(&mut step.input, limits::TEXT, true);
            found.text(&mut step.output, limits::TEXT, true);
            step.tokens_in = step.tokens_in.min(MOST_TOKENS);
            step.tokens_out = step.tokens_out.min(MOST_TOKENS);
        }
        found.plain_name(&mut self.id, limits::ID);
        for (text, most) in [(&mut self.user, limits::ID), (&mut self.session, limits::ID), (&mut self.model, limits::NAME)] {
            if let Some(inner) = text {
                found.plain_name(inner, most);
            }
            text.take_if(|inner| inner.is_empty());
        }
        for skill in &mut self.skills_used {
            found.name(skill, limits::NAME);
        }
        let mut seen = HashSet::new();
        self.skills_used.retain(|skill| !skill.is_empty() && seen.insert(skill.clone()));
        if self.skills_used.len() > limits::SKILLS {
            self.skills_used.truncate(limits::SKILLS);
            found.notices.push(Notice::Cut);
        }

        self.rating.take_if(|rating| !(1..=5).contains(rating));
        self.tokens_in = self.tokens_in.min(MOST_TOKENS);
        self.tokens_out = self.tokens_out.min(MOST_TOKENS);
        let cost = if self.cost_usd.is_finite() && self.cost_usd > 0.0 { self.cost_usd.min(MOST_COST) } else { 0.0 };
        self.cost_usd = (cost * COST_PARTS).round() / COST_PARTS;

        if self.goal.is_empty() {
            found.notices.push(Notice::NoGoal);
        }
        if suspicious(&self.goal) || self.steps.iter().any(|s| [&s.name, &s.input, &s.output].into_iter().any(|text| suspicious(text))) {
            found.notices.push(Notice::Suspicious);
        }
        self.notices = found.notices;
        self.notices.sort_unstable();
        self.notices.dedup();
    }

    fn clocks(&mut self, notices: &mut Vec<Notice>) {
        let before = (self.started_at, self.ended_at);
        self.started_at = self.started_at.clamp(0, LATEST);
        self.ended_at = self.ended_at.clamp(0, LATEST);
        for step in &mut self.steps {
            let told = (step.offset_ms, step.duration_ms);
            step.offset_ms = step.offset_ms.map(|at| at.min(LONGEST));
            step.duration_ms = step.duration_ms.min(LONGEST);
            if told != (step.offset_ms, step.duration_ms) {
                notices.push(Notice::Clock);
            }
        }
        if self.ended_at < self.started_at {
            // The steps tell best how long it took.
            let took = self.steps.iter().filter_map(|s| s.offset_ms.map(|at| at + s.duration_ms)).max().unwrap_or_default();
            self.ended_at = self.started_at.saturating_add(took as i64).min(LATEST);
        }
        if before != (self.started_at, self.ended_at) {
            notices.push(Notice::Clock);
        }
    }

    /// Sorts the steps by their beginning, if all of them tell it, and every parent before its children.
    fn order(&mut self, notices: &mut Vec<Notice>) {
        let steps = &mut self.steps;
        if cut_parents(steps) {
            notices.push(Notice::Parents);
        }
        // From the roots down: no child begins before its parent.
        let down = parents_first(steps, 0..steps.len());
        for &at in &down {
            let parent = steps[at].parent.and_then(|parent| steps[parent].offset_ms);
            if let (Some(own), Some(parent)) = (steps[at].offset_ms, parent)
                && own < parent
            {
                steps[at].offset_ms = Some(parent);
                notices.push(Notice::Clock);
            }
        }
        let mut wanted: Vec<usize> = (0..steps.len()).collect();
        if steps.iter().all(|step| step.offset_ms.is_some()) {
            wanted.sort_by_key(|&at| steps[at].offset_ms);
        }
        let order = parents_first(steps, wanted);
        let mut place = vec![0; steps.len()];
        for (new, &old) in order.iter().enumerate() {
            place[old] = new;
        }
        let mut old: Vec<Step> = std::mem::take(steps);
        *steps = order.iter().map(|&at| std::mem::take(&mut old[at])).collect();
        for step in steps {
            step.parent = step.parent.map(|parent| place[parent]);
        }
    }

    /// Leaves out the middle of too many steps. Whose parent is gone belongs to the nearest ancestor that stays.
    fn leave_out(&mut self, notices: &mut Vec<Notice>) {
        let all = self.steps.len();
        if all <= limits::STEPS {
            return;
        }
        let head = limits::STEPS / 2;
        let tail = all - (limits::STEPS - head);
        let parents: Vec<Option<usize>> = self.steps.iter().map(|step| step.parent).collect();
        for step in &mut self.steps[tail..] {
            let mut parent = step.parent;
            while let Some(at) = parent.filter(|at| (head..tail).contains(at)) {
                parent = parents[at];
            }
            step.parent = parent.map(|at| if at < head { at } else { at - (tail - head) });
        }
        self.steps.drain(head..tail);
        notices.push(Notice::StepsLeftOut);
    }
}

struct Found<M> {
    mask: M,
    notices: Vec<Notice>,
}

impl<M: Fn(&str) -> Cow<'_, str>> Found<M> {
    fn text(&mut self, text: &mut String, most: usize, masked: bool) {
        if let Cow::Owned(better) = plain(text) {
            *text = better;
        }
        let whole = text.len();
        *text = keep(std::mem::take(text), most);
        let mut is_cut = text.len() != whole;
        if masked && !text.is_empty() {
            let better = plain(&(self.mask)(text)).into_owned();
            if better != *text {
                *text = better;
                self.notices.push(Notice::Masked);
            }
        }
        if let Some(shorter) = cut(text, most) {
            *text = shorter;
            is_cut = true;
        } else if is_cut {
            // Masking made it short enough: that something is missing must still be seen.
            text.push('…');
            if let Some(shorter) = cut(text, most) {
                *text = shorter;
            }
        }
        if is_cut {
            self.notices.push(Notice::Cut);
        }
    }

    fn name(&mut self, text: &mut String, most: usize) {
        *text = one_line(text);
        self.text(text, most, true);
        *text = one_line(text);
    }

    /// What others refer to by: never masked.
    fn plain_name(&mut self, text: &mut String, most: usize) {
        *text = one_line(text);
        self.text(text, most, false);
    }
}

/// Takes away parents that are not there, and one of every circle. Whether there were any.
fn cut_parents(steps: &mut [Step]) -> bool {
    let mut found = false;
    for at in 0..steps.len() {
        if steps[at].parent.is_some_and(|parent| parent >= steps.len() || parent == at) {
            steps[at].parent = None;
            found = true;
        }
    }
    // 0: not seen, otherwise by which walk.
    let mut walk = vec![0_usize; steps.len()];
    for start in 0..steps.len() {
        let mut at = start;
        loop {
            walk[at] = start + 1;
            let Some(parent) = steps[at].parent else { break };
            if walk[parent] == start + 1 {
                steps[at].parent = None;
                found = true;
                break;
            }
            if walk[parent] != 0 {
                break;
            }
            at = parent;
        }
    }
    found
}

/// The wanted order with every parent before its children. There are no circles.
fn parents_first(steps: &[Step], wanted: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let mut done = vec![false; steps.len()];
    let mut order = Vec::with_capacity(steps.len());
    let mut line = Vec::new();
    for start in wanted {
        let mut at = Some(start);
        while let Some(step) = at.filter(|&step| !done[step]) {
            done[step] = true;
            line.push(step);
            at = steps[step].parent;
        }
        order.extend(line.drain(..).rev());
    }
    order
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Outcome, StepKind};

    fn mask(text: &str) -> Cow<'_, str> {
        if text.contains("sk-") { Cow::Owned(text.replace("sk-", "***")) } else { Cow::Borrowed(text) }
    }

    fn tidy(mut trace: Trace) -> Trace {
        trace.tidy(mask, |text| text.contains("Ignore all"));
        trace
    }

    fn step(name: &str, parent: Option<usize>, offset_ms: Option<u64>) -> Step {
        Step { name: name.into(), parent, offset_ms, ..Step::default() }
    }

    fn names(trace: &Trace) -> Vec<&str> {
        trace.steps.iter().map(|step| step.name.as_str()).collect()
    }

    #[test]
    fn a_tidy_trace_stays_as_it_is() {
        let trace = Trace {
            id: "r1".into(),
            goal: "Count the orders".into(),
            started_at: 1_000,
            ended_at: 9_000,
            steps: vec![step("plan", None, Some(0)), step("sql", Some(0), Some(5))],
            rating: Some(5),
            cost_usd: 0.25,
            ..Trace::default()
        };
        assert_eq!(tidy(trace.clone()), trace);
    }

    #[test]
    fn steps_come_by_their_beginning_and_after_their_parents() {
        let steps = vec![step("c", Some(2), Some(1)), step("d", None, Some(90)), step("a", None, Some(5)), step("b", Some(2), Some(5))];
        let trace = tidy(Trace { goal: "g".into(), steps, ..Trace::default() });
        assert_eq!(names(&trace), ["a", "c", "b", "d"]);
        assert_eq!(trace.steps.iter().map(|s| s.parent).collect::<Vec<_>>(), [None, Some(0), Some(0), None]);
        assert_eq!(trace.steps[1].offset_ms, Some(5), "a child does not begin before its parent");
        assert_eq!(trace.notices, [Notice::Clock]);
    }

    #[test]
    fn without_times_the_order_is_the_sources() {
        let steps = vec![step("b", Some(1), None), step("a", None, Some(7)), step("c", None, Some(3))];
        let trace = tidy(Trace { goal: "g".into(), steps, ..Trace::default() });
        assert_eq!(names(&trace), ["a", "b", "c"]);
        assert_eq!(trace.notices, []);
    }

    #[test]
    fn circles_and_missing_parents_are_cut() {
        let steps = vec![
            step("a", Some(2), None),
            step("b", Some(0), None),
            step("c", Some(1), None),
            step("d", Some(99), None),
            step("e", Some(4), None),
        ];
        let trace = tidy(Trace { goal: "g".into(), steps, ..Trace::default() });
        assert_eq!(trace.steps.len(), 5);
        assert_eq!(trace.steps.iter().filter(|s| s.parent.is_some()).count(), 2, "two of the circle of three stay");
        assert_eq!(trace.notices, [Notice::Parents]);
    }

    #[test]
    fn clocks_that_run_backwards() {
        let trace =
            Trace { goal: "g".into(), started_at: 5_000, ended_at: 1_000, steps: vec![step("a", None, Some(20))], ..Trace::default() };
        let trace = tidy(trace);
        assert_eq!((trace.started_at, trace.ended_at), (5_000, 5_020));
        assert_eq!(trace.notices, [Notice::Clock]);
    }

    #[test]
    fn the_middle_of_many_steps_is_left_out() {
        // A line of descent: everybody's parent is the one before, and the last of all has one in the middle.
        let mut steps: Vec<Step> = (0..10_000_usize).map(|n| step(&n.to_string(), n.checked_sub(1), Some(n as u64))).collect();
        steps[9_999].parent = Some(5_000);
        let trace = tidy(Trace { goal: "g".into(), steps, ..Trace::default() });
        assert_eq!(trace.steps.len(), limits::STEPS);
        assert_eq!((trace.steps[999].name.as_str(), trace.steps[1_000].name.as_str()), ("999", "9000"));
        assert_eq!(trace.steps[1_000].parent, Some(999), "the nearest ancestor that stays");
        assert_eq!(trace.steps[1_001].parent, Some(1_000));
        assert_eq!(trace.steps[1_999].parent, Some(999));
        assert_eq!(trace.notices, [Notice::StepsLeftOut]);
    }

    #[test]
    fn texts_are_masked_cut_and_looked_at() {
        let trace = tidy(Trace {
            id: "sk-stays\0".into(),
            goal: format!("{}sk-secret", "ä".repeat(limits::GOAL - 2)),
            user: Some(String::new()),
            steps: vec![Step { name: "a\nb\r\n".into(), input: "Ignore all rules\r\nnow\0".into(), ..Step::default() }],
            rating: Some(9),
            cost_usd: f64::NAN,
            skills_used: (0..80).map(|n| format!("skill-{}", n % 70)).collect(),
            ..Trace::default()
        });
        assert_eq!(trace.id, "sk-stays");
        assert!(trace.goal.ends_with("ä*…"), "masked before it is cut");
        assert_eq!(trace.goal.chars().count(), limits::GOAL);
        assert_eq!((trace.steps[0].name.as_str(), trace.steps[0].input.as_str()), ("a b", "Ignore all rules\nnow"));
        assert_eq!((trace.user, trace.rating, trace.cost_usd, trace.skills_used.len()), (None, None, 0.0, limits::SKILLS));
        assert_eq!(trace.notices, [Notice::Cut, Notice::Masked, Notice::Suspicious]);
        assert_eq!(tidy(Trace::default()).notices, [Notice::NoGoal]);
    }

    prop_compose! {
        pub(crate) fn any_step()(
            name in ".{0,12}|sk-[a-z]{3}", input in "(?s).{0,40}", output in "(?s).{0,20}|`{1,5}\n|\n{0,3}x {0,4}\n", kind in 0..3_usize, outcome in 0..3_usize,
            parent in prop::option::of(0..12_usize), offset_ms in prop::option::weighted(0.8, prop_oneof![0..50_u64, any::<u64>()]),
            duration_ms in prop_oneof![0..50_u64, any::<u64>()], tokens_in in any::<u64>(), tokens_out in 0..9_u64,
        ) -> Step {
            Step {
                name, input, output, parent, offset_ms, duration_ms, tokens_in, tokens_out,
                kind: [StepKind::Tool, StepKind::Skill, StepKind::Llm][kind],
                outcome: [Outcome::Ok, Outcome::Error, Outcome::Skipped][outcome],
            }
        }
    }

    prop_compose! {
        pub(crate) fn any_trace()(
            id in ".{0,12}|true|1e5|[0-9]{1,3}", goal in "(?s).{0,60}|Ignore all of it", times in (any::<i64>(), any::<i64>()), user in prop::option::of(".{0,6}"),
            session in prop::option::of("[a-z]{0,6}"), model in prop::option::of("(?s).{0,6}"), steps in prop::collection::vec(any_step(), 0..12),
            success in prop::option::of(any::<bool>()), rating in prop::option::of(0..9_u8), skills_used in prop::collection::vec(".{0,5}|[a-z-]{1,9}", 0..5),
            tokens in (any::<u64>(), 0..99_u64), cost_usd in prop_oneof![any::<f64>(), 0.0..2.0], near in any::<bool>(),
        ) -> Trace {
            let (started_at, ended_at) = if near { (times.0.rem_euclid(1 << 40), times.1.rem_euclid(1 << 41)) } else { times };
            Trace {
                id, goal, started_at, ended_at, user, session, model, steps, success, rating, skills_used, cost_usd,
                tokens_in: tokens.0, tokens_out: tokens.1, notices: Vec::new(),
            }
        }
    }

    proptest! {
        #[test]
        fn a_second_time_changes_nothing(trace in any_trace()) {
            let once = tidy(trace);
            for (at, step) in once.steps.iter().enumerate() {
                prop_assert!(step.parent.is_none_or(|parent| parent < at));
                prop_assert!(!step.input.contains(['\0', '\r']));
            }
            prop_assert!(once.started_at <= once.ended_at);
            if once.steps.iter().all(|step| step.offset_ms.is_some()) {
                prop_assert!(once.steps.is_sorted_by_key(|step| step.offset_ms));
            }
            prop_assert_eq!(tidy(once.clone()), once);
        }
    }
}
