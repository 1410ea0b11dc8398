//! Runs of agents, made up from their numbers so that they are the same each time: kinds of tasks, each worded in many ways and done with much the same
//! steps, and one run in ten that is like no other. Some kinds are the ones that the adapter of goals was learnt on, written by hand; 600 are put together.

use std::sync::LazyLock;

use fastrand::Rng;
use llmos_traces::{Outcome, Step, StepKind, Trace};

/// What is done, in the words of different people; `{}` is what it is done to.
const ACTIONS: [[&str; 4]; 24] = [
    [
        "review {} before it goes out",
        "look through {} for anything we should not agree to",
        "check {}, what is risky in there",
        "go over {} and mark what has to change",
    ],
    [
        "summarise {} on one page",
        "short summary of {} please",
        "boil {} down to five points for the board",
        "what does {} say, in plain words",
    ],
    [
        "compare {} with the one of last year",
        "what changed in {} since the previous version",
        "differences between both versions of {}",
        "put {} side by side with its predecessor",
    ],
    [
        "translate {} into German",
        "we need {} in German",
        "German version of {}, keep the tone",
        "turn {} into good German for the customer",
    ],
    ["write a first draft of {}", "draft {} from my notes", "get {} started, I will edit it later", "put together a rough version of {}"],
    ["fix the broken links in {}", "{} has dead links, repair them", "find links in {} that lead nowhere", "clean up the references of {}"],
    [
        "forecast {} for the coming quarter",
        "where is {} heading in the next three months",
        "project {} forward, best and worst case",
        "estimate how {} will develop",
    ],
    [
        "reconcile {} with the bank statement",
        "match {} to the payments",
        "{} and the payments do not agree, find out why",
        "tie {} to what was paid",
    ],
    [
        "find out why {} is slow",
        "{} takes far too long, what is the bottleneck",
        "profile {} and make it faster",
        "speed up {}, users complain",
    ],
    ["write tests for {}", "{} has no tests, add some", "cover {} with unit tests", "bring the coverage of {} to something decent"],
    [
        "migrate {} to the new platform",
        "move {} over to the new system",
        "get {} off the old servers without downtime",
        "plan and do the switch of {}",
    ],
    ["find duplicates in {}", "{} has entries twice, merge them", "deduplicate {} and keep the newest", "which records of {} are the same"],
    [
        "chart {} by month",
        "make a dashboard of {}",
        "plot {} so that the trend is visible",
        "visualise {}, something for the weekly meeting",
    ],
    [
        "answer the customer's question about {}",
        "reply to the ticket on {}",
        "somebody asks about {}, write back kindly",
        "respond to the complaint about {}",
    ],
    ["document {}", "write the handbook page about {}", "{} is not documented anywhere, describe it", "explain {} for new colleagues"],
    ["audit who may see {}", "check the permissions on {}", "who has access to {} and should not", "tighten the access rights of {}"],
    ["schedule {} with everybody involved", "find a date for {}", "book {}, all of us have to be there", "arrange {} in the calendar"],
    ["research the market for {}", "who else offers {} and for how much", "what do competitors do about {}", "survey providers of {}"],
    [
        "extract the figures from {}",
        "read the numbers out of {} into a sheet",
        "get the table in {} as a spreadsheet",
        "pull all amounts out of {}",
    ],
    ["negotiate better terms for {}", "what can we ask for in {}", "prepare our position on {}", "arguments for a lower price of {}"],
    ["set up monitoring for {}", "alert us when {} fails", "we never notice when {} breaks, change that", "add checks and alarms to {}"],
    ["roll back {}", "undo the last change of {}", "{} went wrong, restore what was there before", "revert {} to the version of yesterday"],
    ["train the new colleague on {}", "make an exercise about {}", "a course on {} for beginners, one hour", "teach the team how {} works"],
    ["archive {}", "{} is finished, file it away", "put {} into long-term storage", "close {} and keep what the law asks for"],
];

/// What things are done to, in several words for the same.
const OBJECTS: [[&str; 3]; 25] = [
    ["the supplier contract", "our agreement with the supplier", "the vendor agreement"],
    ["the payroll run", "this month's salaries", "the payroll"],
    ["the checkout service", "the payment page of the shop", "our checkout"],
    ["the quarterly report", "the report of the quarter", "the Q report"],
    ["the customer database", "our customer records", "the CRM data"],
    ["the onboarding guide", "the guide for new hires", "our onboarding pages"],
    ["the lease of the office", "our office rental contract", "the rental agreement"],
    ["the nightly import", "the import job", "the data pipeline of the night"],
    ["the product catalogue", "the list of products", "our catalogue"],
    ["the safety manual", "the manual on safety at work", "the safety rules"],
    ["the travel expenses", "everybody's travel costs", "the expense claims"],
    ["the mobile app", "our app for phones", "the iOS and Android app"],
    ["the newsletter", "the monthly mail to readers", "our newsletter"],
    ["the warehouse stock", "the inventory", "what is in the warehouse"],
    ["the insurance policy", "our liability insurance", "the policy of the insurer"],
    ["the search index", "the search of the site", "our search engine"],
    ["the annual budget", "next year's budget", "the budget plan"],
    ["the clinical study", "the study with patients", "the trial protocol"],
    ["the job advertisement", "the posting for the open position", "our vacancy"],
    ["the incident of the night", "the outage", "the production incident"],
    ["the privacy notice", "our privacy policy", "the data protection page"],
    ["the energy bills", "what we pay for electricity", "the power invoices"],
    ["the design system", "our component library", "the shared components"],
    ["the grant application", "the application for funding", "our research proposal"],
    ["the board minutes", "the minutes of the board", "the record of the board meeting"],
];

/// Where that is: two kinds of tasks have one of the three in common at most, or hardly ever two.
const PLACES: [&str; 31] = [
    "of the container harbour",
    "for the dental clinic",
    "in the wind farm off the coast",
    "of the school kitchens",
    "for the opera house",
    "of the bus drivers",
    "at the chocolate factory",
    "for the mountain rescue",
    "of the tenants in the old brewery",
    "for the veterinary hospital",
    "in the satellite ground station",
    "of the organic farms",
    "for the city library",
    "at the tyre dealer",
    "of the astronomy museum",
    "for refugees who learn the language",
    "in the cement works",
    "of the online pharmacy",
    "for the football academy",
    "at the coffee roastery",
    "of the hearing aid shops",
    "for the river police",
    "in the cancer registry",
    "of the toy makers",
    "for the ski lifts",
    "at the book fair",
    "of the blood bank",
    "for the solar roof fitters",
    "in the data centre under the station",
    "of the wine growers",
    "for the hotel chain in Portugal",
];

const COMBINED: usize = ACTIONS.len() * OBJECTS.len();

const WRITTEN: [&str; 8] = [
    include_str!("../../crates/patterns/train/finance.txt"),
    include_str!("../../crates/patterns/train/legal_hr.txt"),
    include_str!("../../crates/patterns/train/life_health.txt"),
    include_str!("../../crates/patterns/train/office.txt"),
    include_str!("../../crates/patterns/train/research_education.txt"),
    include_str!("../../crates/patterns/train/sales_marketing.txt"),
    include_str!("../../crates/patterns/train/software.txt"),
    include_str!("../../crates/patterns/train/support_ops.txt"),
];

/// The goals of each task that was written by hand, without the marks before names.
static TASKS: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let tasks = WRITTEN.iter().flat_map(|text| text.split("== ").skip(1));
    let goals = |task: &str| {
        task.lines().skip(1).filter(|goal| !goal.trim().is_empty()).map(|goal| goal.replace(['#', '@', '%', '~'], "")).collect()
    };
    tasks.map(goals).filter(|goals: &Vec<String>| !goals.is_empty()).collect()
});

/// How many kinds of tasks there are.
pub fn kinds() -> usize {
    TASKS.len() + COMBINED
}

const NAMES: [&str; 40] = [
    "Okonkwo",
    "Lindqvist",
    "Haddad",
    "Moreau",
    "Petrov",
    "Nakamura",
    "Silva",
    "Kowalski",
    "Jansen",
    "Rossi",
    "Mbeki",
    "Fischer",
    "Novak",
    "Iyer",
    "Chen",
    "Larsen",
    "Murphy",
    "Costa",
    "Demir",
    "Weber",
    "Nordwind",
    "Brightwater",
    "Helios",
    "Kestrel",
    "Lumora",
    "Fjordline",
    "Ostara",
    "Quillon",
    "Verity",
    "Tamarind",
    "Acme",
    "Bluefin",
    "Cobalt",
    "Dovetail",
    "Ember",
    "Foxglove",
    "Granite",
    "Harbor",
    "Indigo",
    "Juniper",
];

/// Tools by what they do, each under the names that different set-ups give it.
const TOOLS: [[&str; 3]; 40] = [
    ["read_file", "open_document", "fs_read"],
    ["write_file", "save_document", "fs_write"],
    ["edit_file", "apply_patch", "code_edit"],
    ["grep", "search_code", "ripgrep"],
    ["bash", "shell", "run_command"],
    ["run_tests", "pytest", "test_runner"],
    ["sql_query", "postgres", "warehouse_query"],
    ["http_get", "fetch", "web_fetch"],
    ["web_search", "search", "browse"],
    ["send_mail", "outlook_send", "gmail_send"],
    ["read_mail", "outlook_read", "gmail_search"],
    ["calendar_find", "calendar_slots", "free_busy"],
    ["calendar_book", "create_event", "calendar_create"],
    ["sheet_read", "excel_read", "spreadsheet_get"],
    ["sheet_write", "excel_write", "spreadsheet_update"],
    ["chart", "plot", "make_chart"],
    ["pdf_text", "extract_pdf", "ocr"],
    ["translate", "deepl", "translate_text"],
    ["summarise", "summarize", "tldr"],
    ["compare", "diff", "compare_documents"],
    ["git_log", "git_history", "vcs_log"],
    ["git_commit", "commit", "vcs_commit"],
    ["deploy", "release", "rollout"],
    ["logs", "log_search", "kibana"],
    ["metrics", "grafana", "prometheus_query"],
    ["ticket_read", "jira_get", "issue_view"],
    ["ticket_write", "jira_comment", "issue_comment"],
    ["crm_find", "salesforce_query", "crm_search"],
    ["crm_update", "salesforce_update", "crm_write"],
    ["erp_find", "sap_query", "ledger_query"],
    ["erp_post", "sap_post", "ledger_post"],
    ["storage_list", "s3_list", "drive_list"],
    ["storage_put", "s3_put", "drive_upload"],
    ["permissions", "iam_list", "acl_list"],
    ["vault", "secrets_list", "keychain"],
    ["profile", "flamegraph", "perf"],
    ["chat_post", "slack_post", "teams_post"],
    ["wiki_read", "confluence_get", "notion_get"],
    ["wiki_write", "confluence_put", "notion_put"],
    ["image", "make_image", "image_generate"],
];

const SENTENCES: [&str; 12] = [
    "Nothing unusual in this part, the figures agree with what was expected.",
    "Two rows do not match; they are listed below with what they should say.",
    "The document has 14 pages, the clauses on liability are on pages 6 and 7.",
    "Done. 38 entries were read, 3 of them are new since the last time.",
    "The answer took longer than usual and had to be asked for a second time.",
    "No permission for this folder, so the copy in the archive was taken.",
    "All of it was written, and the change is described in the history.",
    "Five people are free on Tuesday afternoon, four of them on Wednesday.",
    "The table has columns for date, amount, account and who approved it.",
    "A warning about an old format was given; it has no effect on the result.",
    "The longest of these takes 840 ms, nearly all of it waiting for the disk.",
    "Similar cases were found in March and in June, both closed after a day.",
];

const MODELS: [&str; 5] = ["claude-sonnet-4-5", "claude-opus-4-1", "gpt-5", "gemini-2.5-pro", "qwen3-coder"];

/// Whoever ran them.
pub const PEOPLE: usize = 50;
/// Every how many runs one is like no other.
const ODD: usize = 10;
/// Runs of one trace in a hundred were of a session, this many sessions in all.
pub const SESSIONS: usize = 2_000;

/// When runs were: the first one began at `from`, each later one `gap` milliseconds after the one before.
#[derive(Clone, Copy)]
pub struct Times {
    pub from: i64,
    pub gap: i64,
}

impl Times {
    /// As many runs, spread over the 60 days before `now`.
    pub fn until(now: i64, runs: usize) -> Self {
        let gap = (60 * 86_400_000 / runs.max(1) as i64).max(1);
        Self { from: now - gap * (runs as i64 + 1), gap }
    }
    pub fn of(self, number: usize) -> i64 {
        self.from + self.gap * number as i64
    }
}

pub fn person(number: usize) -> String {
    let number = number % PEOPLE;
    format!("{}.{number}", NAMES[number % 20].to_lowercase())
}

/// The slug of the skill that belongs to a kind of task.
pub fn skill(kind: usize) -> String {
    format!("skill-{}", kind % kinds())
}

pub fn tool(number: usize) -> &'static str {
    TOOLS[number % TOOLS.len()][number / TOOLS.len() % 3]
}

pub fn model(number: usize) -> &'static str {
    MODELS[number % MODELS.len()]
}

/// A word that many goals have.
pub fn word(number: usize) -> String {
    NAMES[number % NAMES.len()].to_lowercase()
}

/// A value of its own for each pair: what has no meaning besides.
fn seed(number: usize, use_: u64) -> Rng {
    Rng::with_seed((number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ use_)
}

fn pick<'a, T>(random: &mut Rng, of: &'a [T]) -> &'a T {
    &of[random.usize(0..of.len())]
}

/// The kind of task that a run is of; none of a one-off.
pub fn kind(number: usize) -> Option<usize> {
    let mut random = seed(number, 1);
    // Some tasks come up far more often than others.
    (number % ODD != ODD - 1).then(|| ((random.f64().powi(2) * kinds() as f64) as usize).min(kinds() - 1))
}

fn goal(random: &mut Rng, kind: Option<usize>) -> String {
    let Some(kind) = kind else {
        // The beginning of one and the end of another.
        let mut words = || {
            let goals = pick(random, &TASKS);
            pick(random, goals).split(' ').collect::<Vec<_>>()
        };
        let (first, second) = (words(), words());
        return [&first[..first.len() / 2], &second[second.len() / 2..]].concat().join(" ");
    };
    let goal = match TASKS.get(kind) {
        Some(goals) => pick(random, goals).clone(),
        None => combined(random, kind - TASKS.len()),
    };
    match random.usize(0..8) {
        0 => format!("{goal}, number {}", random.usize(1..20_000)),
        1 => format!("{goal} by {} October", random.usize(1..32)),
        2 => format!("{goal} for {}", pick(random, &NAMES)),
        3 => format!("{} asks: {goal}", pick(random, &NAMES)),
        4 => format!("{goal}, it is about €{},000 from {}", random.usize(1..900), pick(random, &NAMES)),
        5 => format!("please {goal}"),
        _ => goal,
    }
}

fn combined(random: &mut Rng, kind: usize) -> String {
    let place = PLACES[(kind * 7 + kind / ACTIONS.len()) % PLACES.len()];
    let object = format!("{} {place}", pick(random, &OBJECTS[kind / ACTIONS.len()]));
    pick(random, &ACTIONS[kind % ACTIONS.len()]).replace("{}", &object)
}

/// A word without a meaning: the rarer words of what steps are given.
fn name(mut number: usize) -> String {
    const SYLLABLES: [&str; 20] = [
        "ba", "cor", "del", "fen", "gu", "hal", "im", "jo", "kar", "lin", "mo", "nes", "or", "pal", "qui", "ros", "sut", "tam", "ver", "zo",
    ];
    let mut name = String::new();
    for _ in 0..4 {
        name.push_str(SYLLABLES[number % SYLLABLES.len()]);
        number /= SYLLABLES.len();
    }
    name
}

/// Six to twelve steps: those that are typical of the kind, some left out, some with other tools; each is given words that are typical, and one of this run.
fn steps(random: &mut Rng, number: usize, kind: Option<usize>, goal: &str, is_success: bool) -> Vec<Step> {
    let mut typical = seed(kind.unwrap_or(kinds() + number), 2);
    let tools: Vec<usize> = (0..5).map(|_| typical.usize(0..TOOLS.len())).collect();
    // One set-up names its tools in one way.
    let set_up = number % PEOPLE % 3;
    let most = random.usize(8..15);
    let (mut steps, mut at) = (Vec::new(), 0);
    while steps.len() < 12 && (at < most || steps.len() < 6) {
        let words = [typical.usize(0..4_000), typical.usize(0..4_000)].map(name);
        let tool = if random.f32() < 0.1 { random.usize(0..TOOLS.len()) } else { *pick(&mut typical, &tools) };
        at += 1;
        if random.f32() < 0.15 {
            continue;
        }
        let (kind, tool) = match at {
            1 => (StepKind::Llm, model(number)),
            _ => (StepKind::Tool, TOOLS[tool][set_up]),
        };
        let of_goal = goal.split(' ').skip(at % 3).take(4).collect::<Vec<_>>().join(" ");
        let output = (0..random.usize(1..5)).map(|_| *pick(random, &SENTENCES)).collect::<Vec<_>>().join(" ");
        steps.push(Step {
            name: tool.to_owned(),
            kind,
            input: format!(
                "/srv/{}/{} {of_goal} {} {}",
                words[0],
                words[1],
                name(4_000 + random.usize(0..150_000)),
                random.usize(0..40_000)
            ),
            output,
            outcome: if random.f32() < 0.04 { Outcome::Error } else { Outcome::Ok },
            offset_ms: Some(at as u64 * 1_500),
            duration_ms: random.u64(20..9_000),
            tokens_in: random.u64(0..4_000),
            tokens_out: random.u64(0..600),
            ..Step::default()
        });
    }
    if !is_success && let Some(last) = steps.last_mut() {
        last.outcome = Outcome::Error;
    }
    steps
}

/// The run with this number.
pub fn trace(number: usize, times: Times) -> Trace {
    let mut random = seed(number, 3);
    let kind = kind(number);
    let goal = goal(&mut random, kind);
    let success = match random.usize(0..20) {
        0 | 1 => None,
        2..=5 => Some(false),
        _ => Some(true),
    };
    let steps = steps(&mut random, number, kind, &goal, success != Some(false));
    let started_at = times.of(number);
    let took = steps.iter().map(|step| step.duration_ms as i64).sum::<i64>();
    let rating = (random.f32() < 0.4).then(|| if success == Some(false) { random.u8(1..4) } else { random.u8(2..6) });
    Trace {
        id: format!("run-{number:08}"),
        goal,
        started_at,
        ended_at: started_at + took,
        user: Some(person(random.usize(0..PEOPLE))),
        session: None,
        model: Some(model(number).to_owned()),
        success,
        rating,
        skills_used: kind.filter(|_| random.f32() < 0.4).map(skill).into_iter().collect(),
        tokens_in: steps.iter().map(|step| step.tokens_in).sum(),
        tokens_out: steps.iter().map(|step| step.tokens_out).sum(),
        cost_usd: (random.f64() * 1_000.0).round() / 1_000.0,
        steps,
        notices: Vec::new(),
    }
}

/// The same with a goal that no run had, so that it has to be embedded.
pub fn new_goal(number: usize, times: Times) -> Trace {
    let mut random = seed(number, 4);
    let trace = trace(number, times);
    let names: Vec<&str> = (0..4).map(|_| *pick(&mut random, &NAMES)).collect();
    Trace { goal: format!("{}, as {} agreed with {}", trace.goal, names[..2].join(" "), names[2..].join(" ")), ..trace }
}
