//! Trying a tool: a form of its inputs, and what its code answers in this browser. Only people who are signed in see artifacts at all.

use leptos::prelude::*;

use super::artifact::Shown;
use crate::{
    browser::{
        page,
        tool_sandbox::{self, Ran, ToolRun},
    },
    features::artifacts::model::tool::{InputType, Tool, ToolInput},
    ui::Icon,
};

/// Longer outputs stay on one line: so many lines would take longer to lay out than anybody reads them.
const MAX_PRETTY: usize = 64 * 1024;

/// Below the text of a tool.
#[component]
pub fn TryTool(shown: Shown) -> impl IntoView {
    // What one filled in stays until the tool itself is another one.
    let tool = Memo::new(move |_| shown.detail.with(|detail| detail.tool.clone()));
    move || {
        tool.get().map(|tool| {
            let content =
                if tool.runs { view! { <Trial tool=tool/> }.into_any() } else { view! { <p class="hint">{why_not(&tool)}</p> }.into_any() };
            view! {
                <section class="card try" aria-labelledby="try-title">
                    <header class="card-head"><h2 id="try-title">"Try it"</h2></header>
                    <div class="card-body stack gap-12">{content}</div>
                </section>
            }
        })
    }
}

fn why_not(tool: &Tool) -> String {
    match tool.language.as_str() {
        "js" | "javascript" | "mjs" => {
            "The JavaScript of this tool is shown and not run: that needs a function main(inputs) in a block of up to 256 KB.".to_owned()
        }
        "" => "The code of this tool is shown and not run: that needs a block of JavaScript with a function main(inputs).".to_owned(),
        language => format!("Code in {language} is shown and not run: that needs a block of JavaScript with a function main(inputs)."),
    }
}

/// An input with what is filled in for it: text as typed; of a box `true` or `false`.
#[derive(Clone)]
struct Filled {
    input: ToolInput,
    value: RwSignal<String>,
}

/// Which input is wrong, and what to do about it.
type Problem = (usize, String);

/// The inputs as a JSON object.
fn inputs_json(filled: &[Filled]) -> Result<String, Problem> {
    let mut members = Vec::new();
    for (index, Filled { input, value }) in filled.iter().enumerate() {
        if let Some(value) = value.with_untracked(|written| input_json(input, written)).map_err(|problem| (index, problem))? {
            members.push(format!("{}:{value}", quoted(&input.name)));
        }
    }
    Ok(format!("{{{}}}", members.join(",")))
}

/// What is filled in as a JSON value of the input's type; none if it may be left out and is.
fn input_json(input: &ToolInput, written: &str) -> Result<Option<String>, String> {
    let name = &input.name;
    if written.is_empty() {
        return if input.required { Err(format!("Fill in {name}.")) } else { Ok(None) };
    }
    let kind = input.kind.unwrap_or(InputType::String);
    let json = || tool_sandbox::json(written);
    let number = |json: &String| json.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let (value, expected) = match kind {
        InputType::String => return Ok(Some(quoted(written))),
        InputType::Number => (json().filter(number), "a number, such as 1.5"),
        InputType::Integer => (json().filter(number).filter(|json| !json.contains(['.', 'e'])), "a whole number, such as 12"),
        InputType::Boolean => (json().filter(|json| json == "true" || json == "false"), "true or false"),
        InputType::Array => (json().filter(|json| json.starts_with('[')), "a list in JSON, such as [1, 2]"),
        InputType::Object => (json().filter(|json| json.starts_with('{')), "an object in JSON, such as {\"unit\": \"m\"}"),
    };
    value.map(Some).ok_or_else(|| format!("Make {name} {expected}."))
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

#[component]
fn Trial(tool: Tool) -> impl IntoView {
    let start = |input: &ToolInput| {
        let default = input.default.clone().unwrap_or_default();
        RwSignal::new(if input.kind == Some(InputType::Boolean) { default.eq_ignore_ascii_case("true").to_string() } else { default })
    };
    let filled: Vec<Filled> = tool.inputs.iter().map(|input| Filled { input: input.clone(), value: start(input) }).collect();
    let problem = RwSignal::new(None::<Problem>);
    let running = RwSignal::new(None::<ToolRun>);
    let ran = RwSignal::new(None::<Ran>);
    let end = move || {
        if let Some(Some(id)) = running.try_get_untracked() {
            tool_sandbox::stop(id);
        }
    };
    on_cleanup(end);
    let fields = filled
        .iter()
        .enumerate()
        .map(|(index, filled)| view! { <Entry index=index filled=filled.clone() problem=problem/> })
        .collect_view();
    let reach = if tool.hosts.is_empty() { "No network".to_owned() } else { format!("May talk to: {}", tool.hosts.join(", ")) };
    let refused = (!tool.refused.is_empty()).then(|| {
        let hosts = tool.refused.join(", ");
        view! { <p class="hint">{format!("It declares {hosts}, and does not reach that from here: up to 10 hosts by their full names, such as api.example.org, are allowed.")}</p> }
    });
    let begin = move || {
        if running.with_untracked(Option::is_some) {
            return;
        }
        ran.set(None);
        let inputs = match inputs_json(&filled) {
            Ok(inputs) => inputs,
            Err(wrong) => {
                page::focus(&entry_id(wrong.0));
                problem.set(Some(wrong));
                return;
            }
        };
        problem.set(None);
        let id = ToolRun::fresh();
        running.set(Some(id));
        let answer = tool_sandbox::try_out(id, tool.code.clone(), inputs, tool.hosts.clone());
        leptos::task::spawn_local(async move {
            let answer = answer.await;
            // The person may have left the page by now.
            running.try_set(None);
            ran.try_set(Some(answer));
        });
    };
    let busy = move || running.with(Option::is_some);
    view! {
        <form
            class="form"
            novalidate
            on:submit=move |event| {
                event.prevent_default();
                begin();
            }
        >
            {fields}
            <div class="row wrap">
                <button type="submit" class="btn" class:busy=busy id="try-run" aria-disabled=move || busy().then_some("true") aria-describedby="try-reach">
                    <Icon name="play"/>
                    "Run"
                </button>
                {move || {
                    busy()
                        .then(|| {
                            view! {
                                <button
                                    type="button"
                                    class="btn"
                                    on:click=move |_| {
                                        end();
                                        // This button goes away with the run.
                                        page::focus("try-run");
                                    }
                                >
                                    <Icon name="stop"/>
                                    "Stop"
                                </button>
                            }
                        })
                }}
                <span class="hint grow wrap-any" id="try-reach">{reach}". It runs in your browser for up to 30 seconds, and sees neither this page nor your account."</span>
            </div>
            {refused}
        </form>
        <div class="prose msg" aria-live="polite">
            {move || busy().then(|| view! { <p class="t2">"Running"</p> })} {move || ran.get().map(|ran| view! { <Answer ran=ran/> })}
        </div>
    }
}

fn entry_id(index: usize) -> String {
    format!("try-{index}")
}

/// One input, in the field that suits its type.
#[component]
fn Entry(index: usize, filled: Filled, problem: RwSignal<Option<Problem>>) -> impl IntoView {
    let Filled { input, value } = filled;
    let (id, note) = (entry_id(index), format!("try-{index}-note"));
    let wrong = Memo::new(move |_| problem.with(|problem| problem.as_ref().filter(|(at, _)| *at == index).map(|(_, words)| words.clone())));
    let invalid = move || wrong.with(Option::is_some).then_some("true");
    let write = move |event| value.set(event_target_value(&event));
    let label = view! { <label for=id.clone()>{input.name.clone()} {(!input.required).then(|| view! { <span class="opt">" optional"</span> })}</label> };
    let field = match input.kind {
        _ if !input.choices.is_empty() => {
            let options = input.choices.iter().map(|choice| (choice.clone(), choice.clone()));
            let options = std::iter::once((String::new(), "Choose".to_owned())).chain(options);
            let options = options.map(|(value, words)| view! { <option value=value>{words}</option> }).collect_view();
            view! {
                {label}
                <span class="select">
                    <select class="input" id=id required=input.required aria-describedby=note.clone() aria-invalid=invalid prop:value=move || value.get() on:change=write>
                        {options}
                    </select>
                    <Icon name="chev-d"/>
                </span>
            }
                .into_any()
        }
        Some(InputType::Boolean) => view! {
            <label class="check">
                <input
                    type="checkbox"
                    id=id
                    aria-describedby=note.clone()
                    prop:checked=move || value.with(|value| value == "true")
                    on:change=move |event| value.set(event_target_checked(&event).to_string())
                />
                <span>{input.name}</span>
            </label>
        }
        .into_any(),
        Some(kind @ (InputType::Number | InputType::Integer)) => view! {
            {label}
            <input
                class="input"
                id=id
                inputmode=if kind == InputType::Number { "decimal" } else { "numeric" }
                autocomplete="off"
                required=input.required
                aria-describedby=note.clone()
                aria-invalid=invalid
                prop:value=move || value.get()
                on:input=write
            />
        }
        .into_any(),
        // Text may have several lines; JSON has.
        kind => view! {
            {label}
            <textarea
                class="input"
                class:mono=matches!(kind, Some(InputType::Array | InputType::Object))
                id=id
                required=input.required
                aria-describedby=note.clone()
                aria-invalid=invalid
                prop:value=move || value.get()
                on:input=write
            ></textarea>
        }
        .into_any(),
    };
    view! {
        <div class="field">
            {field}
            <span id=note>
                {move || match wrong.get() {
                    Some(words) => view! { <span class="err" role="alert"><Icon name="alert"/>{words}</span> }.into_any(),
                    None => view! { <span class="hint">{input.description.clone()}</span> }.into_any(),
                }}
            </span>
        </div>
    }
}

/// What came of it, as text and nothing else.
#[component]
fn Answer(ran: Ran) -> impl IntoView {
    let printed = (!ran.console.is_empty()).then(|| {
        view! {
            <p class="t2">"Printed"</p>
            <pre tabindex="0">{ran.console.join("\n")}</pre>
        }
    });
    let (words, text) = match (ran.error, ran.outputs) {
        (None, Some(outputs)) => {
            let pretty = (outputs.len() <= MAX_PRETTY).then(|| tool_sandbox::pretty(&outputs)).flatten();
            (format!("Result, after {} ms", ran.millis), pretty.unwrap_or(outputs))
        }
        (error, _) => ("No result".to_owned(), error.unwrap_or_else(|| "The tool ended without an answer.".to_owned())),
    };
    view! {
        <p class="t2">{words}</p>
        <pre tabindex="0">{text}</pre>
        {printed}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(kind: Option<InputType>, required: bool) -> ToolInput {
        ToolInput { name: "it".to_owned(), kind, description: None, choices: Vec::new(), default: None, required }
    }

    #[test]
    fn what_is_filled_in_becomes_a_value_of_its_type() {
        let json = |kind, written| input_json(&input(Some(kind), true), written).ok().flatten();
        assert_eq!(json(InputType::String, "5 \"m\"").as_deref(), Some("\"5 \\\"m\\\"\""));
        assert_eq!(json(InputType::Number, " 1.5 ").as_deref(), Some("1.5"));
        assert_eq!(json(InputType::Integer, "-12").as_deref(), Some("-12"));
        assert_eq!(json(InputType::Boolean, "true").as_deref(), Some("true"));
        assert_eq!(json(InputType::Array, "[1, 2]").as_deref(), Some("[1,2]"));
        assert_eq!(json(InputType::Object, "{\"a\": 1}").as_deref(), Some("{\"a\":1}"));
        for (kind, written) in [
            (InputType::Number, "five"),
            (InputType::Number, "1, \"b\": 2"),
            (InputType::Number, "\"1\""),
            (InputType::Integer, "1.5"),
            (InputType::Boolean, "1"),
            (InputType::Array, "{}"),
            (InputType::Object, "[]"),
            (InputType::String, ""),
        ] {
            assert_eq!(json(kind, written), None, "{kind:?} {written}");
        }
        assert_eq!(input_json(&input(None, true), "5"), Ok(Some("\"5\"".to_owned())));
        assert_eq!(input_json(&input(Some(InputType::Number), false), ""), Ok(None));
    }
}
