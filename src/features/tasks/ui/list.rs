//! The tasks of a team: filtered by what the address says, told of while one looks.

use leptos::prelude::*;
use leptos_router::{components::Form, hooks::use_query_map};

use super::{
    super::{
        model::{Assignee, CreateTask, Issue, Task, TaskPage, TaskState, TaskView, TasksQuery, UpdateTask},
        state::{create_task, read_tasks, tasks_address, tasks_query, update_task},
    },
    state_mark,
};
use crate::{
    browser::{
        data::{Fetched, Sent},
        page, response,
    },
    error::AppResult,
    features::{
        accounts::{
            model::{Action, Member, Team},
            state::Running,
        },
        collaboration::{
            model::RoomType,
            state::{Room, use_collaboration},
        },
        outbox::state::{say_sent, say_waiting},
    },
    ids::{TaskId, TeamId},
    ui::{
        Again, Avatar, Dialog, EmptyState, ErrorView, Field, FieldError, Icon, KindMark, Loading, SelectField, Time, Transition, count,
        drop_down, kept_fields, late, list_keys, plural, toast_error, use_toasts,
    },
};

const DIALOG: &str = "task";
/// What the keys go along.
const TITLES: &str = ".rows.tasks .title";

/// What the parts of the page share.
#[derive(Clone, Copy)]
struct Here {
    team: TeamId,
    may_write: bool,
    /// The one that is changed; none: a new one.
    chosen: RwSignal<Option<Task>>,
    /// Counts what happened: the list is read again then.
    news: RwSignal<u32>,
}

impl Here {
    fn open(self, task: Option<Task>) {
        self.chosen.set(task);
        page::open_dialog(DIALOG);
    }
}

/// The part of a team's page. Both are read by the page as a whole.
#[component]
pub fn Tasks(team: Team, tasks: Fetched<TaskPage>, members: Fetched<Vec<Member>>) -> impl IntoView {
    let here = Here { team: team.id, may_write: team.role.allows(Action::Converse), chosen: RwSignal::new(None), news: RwSignal::new(0) };
    let asked = use_query_map();
    let query = Memo::new(move |_| asked.with(tasks_query));
    list_keys(TITLES);
    let live = use_collaboration(Signal::stored(Some(Room { id: team.id.same_as(), kind: RoomType::Workspace })));
    let again = move || {
        here.news.try_update(|news| *news += 1);
    };
    live.on_task(move |_| again());
    live.on_resync(again);
    view! {
        <section class="set">
            <header>
                <h2>"Tasks"</h2>
                <p>"What the team has to do. Issues of a repository that a volume of the team is linked to stand here by themselves."</p>
                <span class="row gap-4">
                    <Again act=Callback::new(move |()| again())/>
                    {here
                        .may_write
                        .then(|| view! { <button type="button" class="btn primary" on:click=move |_| here.open(None)><Icon name="plus"/>"New task"</button> })}
                </span>
            </header>
            <Filters team=team.id query=query members=members/>
            <Transition fallback=|| view! { <Loading rows=4/> }>
                {move || {
                    let query = query.get();
                    tasks
                        .arrived()
                        .map(|tasks| late(move || match tasks.read() {
                            Ok(page) => view! { <List here=here first=page query=query/> }.into_any(),
                            Err(error) => {
                                response::set_status(error.code.status());
                                view! { <ErrorView error=error/> }.into_any()
                            }
                        }))
                }}
            </Transition>
        </section>
        {here.may_write.then(|| view! { <TaskDialog here=here members=members/> })}
    }
}

#[component]
fn Filters(team: TeamId, query: Memo<TasksQuery>, members: Fetched<Vec<Member>>) -> impl IntoView {
    let to_view =
        move |view| move || query.with(|query| tasks_address(team, &TasksQuery { state: view, task: None, before: None, ..query.clone() }));
    let assignees = move || {
        let chosen = query.with(|query| query.assignee.clone());
        let members = members.get().and_then(Result::ok).unwrap_or_default();
        let to = |assignee: Option<&str>| {
            query.with(|query| {
                tasks_address(team, &TasksQuery { assignee: assignee.map(str::to_owned), task: None, before: None, ..query.clone() })
            })
        };
        let mut options: Vec<(Option<String>, String)> =
            vec![(None, "anybody".to_owned()), (Some("me".to_owned()), "me".to_owned()), (Some("none".to_owned()), "nobody".to_owned())];
        options.extend(members.into_iter().map(|member| (Some(member.person.id.to_string()), member.person.name)));
        let shown = options.iter().find(|(value, _)| *value == chosen).map(|(_, words)| words.clone());
        let shown = shown.or_else(|| chosen.as_ref().map(|login| format!("@{login}"))).unwrap_or_default();
        let entries = options.into_iter().map(|(value, words)| (to(value.as_deref()), words, None, value == chosen)).collect();
        let on = chosen.is_some();
        late(move || drop_down("For", shown, on, entries))
    };
    view! {
        <div class="task-filters">
            <span class="seg" role="group" aria-label="Which tasks">
                {TaskView::ALL
                    .map(|view| {
                        let words = match view {
                            TaskView::Open => "Open",
                            TaskView::Closed => "Closed",
                            TaskView::All => "All",
                        };
                        view! { <a href=to_view(view) aria-current=move || query.with(|query| query.task.is_none() && query.state == view).then_some("true")>{words}</a> }
                    })
                    .collect_view()}
            </span>
            <Form method="GET" action=format!("/teams/{team}/tasks") attr:role="search">
                {move || query.with(|query| kept_fields(query, &["q", "task", "before"]))}
                <label class="input">
                    <Icon name="filter"/>
                    <span class="sr">"Filter"</span>
                    <input type="search" name="q" placeholder="Title, label or number" autocomplete="off" data-filter="" value=move || query.get().q.unwrap_or_default()/>
                </label>
            </Form>
            <Transition>{assignees}</Transition>
        </div>
    }
}

#[component]
fn List(here: Here, first: TaskPage, query: TasksQuery) -> impl IntoView {
    let page = RwSignal::new(first);
    let query = StoredValue::new(query);
    // Counts readings: an answer that was overtaken is not shown.
    let reading = StoredValue::new(0_u32);
    Effect::new(move |before: Option<u32>| {
        let news = here.news.get();
        if before.is_some_and(|before| before != news) {
            reading.update_value(|reading| *reading += 1);
            let number = reading.get_value();
            let answer = query.with_value(|query| read_tasks(here.team, query));
            leptos::task::spawn_local(async move {
                // What is shown stays where it cannot be read: the next event asks again.
                if let Ok(read) = answer.await
                    && reading.try_get_value() == Some(number)
                {
                    page.try_set(read);
                }
            });
        }
        news
    });
    let filtered = query.with_value(|query| *query != TasksQuery::default());
    let empty = move || {
        let all = tasks_address(here.team, &TasksQuery { state: TaskView::All, ..TasksQuery::default() });
        let closed = page.with(|page| page.closed);
        if filtered {
            view! { <EmptyState icon="filter" title="No task matches" text="Other words or another view may find it."><a class="btn" href=all>"Show all"</a></EmptyState> }.into_any()
        } else if closed > 0 {
            view! { <EmptyState icon="ok" title="Nothing to do" text=format!("{} done.", plural(closed, "task is", "tasks are"))><a class="btn" href=all>"Show all"</a></EmptyState> }.into_any()
        } else {
            view! { <EmptyState icon="list" title="No task yet" text="Make one here, or link a volume to a repository at GitHub and send its issues here: each becomes a task."/> }.into_any()
        }
    };
    view! {
        <p class="hint" role="status">{move || page.with(|page| format!("{} open, {} closed", count(page.open), count(page.closed)))}</p>
        <Show when=move || page.with(|page| !page.items.is_empty()) fallback=empty>
            <ul class="rows tasks">
                <For
                    each=move || page.with(|page| page.items.iter().map(|task| task.id).collect::<Vec<_>>())
                    key=|id| *id
                    children=move |id| {
                        let find = move |page: &TaskPage| page.items.iter().find(|task| task.id == id).cloned();
                        page.with_untracked(find)
                            .map(|first| {
                                let task = Memo::new(move |last: Option<&Task>| page.with(find).unwrap_or_else(|| last.unwrap_or(&first).clone()));
                                view! { <li>{move || row(here, task.get())}</li> }
                            })
                    }
                />
            </ul>
            <nav class="pager" aria-label="Pages">
                {query
                    .with_value(|query| query.before.map(|_| tasks_address(here.team, &TasksQuery { before: None, ..query.clone() })))
                    .map(|address| view! { <a class="btn s" href=address>"Newest"</a> })}
                {move || {
                    page.with(|page| page.next)
                        .map(|next| {
                            let address = query.with_value(|query| tasks_address(here.team, &TasksQuery { before: Some(next), ..query.clone() }));
                            view! { <a class="btn s" href=address>"Older"<Icon name="chev-r"/></a> }
                        })
                }}
            </nav>
        </Show>
    }
}

fn row(here: Here, task: Task) -> AnyView {
    let (id, state, title) = (task.id, task.state, task.title.clone());
    let changed = task.clone();
    let own = task.issue.is_none() && here.may_write;
    let heading = match &task.issue {
        Some(issue) => {
            view! { <a class="title" href=issue.url.clone() target="_blank" rel="noopener noreferrer external">{title.clone()}</a> }
                .into_any()
        }
        None if own => {
            view! { <button type="button" class="title" on:click=move |_| here.open(Some(changed.clone()))>{title.clone()}</button> }
                .into_any()
        }
        None => view! { <b>{title.clone()}</b> }.into_any(),
    };
    view! {
        {state_mark(state)}
        <div class="tx">
            {heading}
            <small class="row wrap gap-4">
                {task.issue.clone().map(issue_words)}
                {task.labels.iter().map(|label| view! { <span class="chip line">{label.clone()}</span> }).collect_view()}
                {task
                    .artifacts
                    .iter()
                    .map(|artifact| view! { <a class="chip line" href=format!("/artifacts/{}", artifact.id)><KindMark kind=artifact.kind small=true/><span class="trunc">{artifact.name.clone()}</span></a> })
                    .collect_view()}
            </small>
        </div>
        <span class="tail">
            {task.assignee.clone().map(assignee_view)}
            <Time at=task.updated_at/>
            {own.then(|| view! { <Toggle here=here id=id state=state title=title/> })}
        </span>
    }
    .into_any()
}

fn issue_words(issue: Issue) -> impl IntoView {
    view! { <span>{format!("{}#{}", issue.repository, issue.number)}</span> }
}

fn assignee_view(assignee: Assignee) -> impl IntoView {
    let name = assignee.name();
    view! {
        {assignee.person.map(|person| view! { <Avatar person=person size="s"/> })}
        <span class="trunc wide-only">{name}</span>
    }
}

/// Closes a task, or opens it again.
#[component]
fn Toggle(here: Here, id: TaskId, state: TaskState, title: String) -> impl IntoView {
    let toasts = use_toasts();
    let (words, icon, next) = match state {
        TaskState::Open => ("Close", "check", TaskState::Closed),
        TaskState::Closed => ("Reopen", "undo", TaskState::Open),
    };
    let act = move |_| {
        let answer = update_task(here.team, id, UpdateTask { state: Some(next), ..UpdateTask::default() });
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(sent) => {
                    say_waiting(toasts, sent);
                    here.news.try_update(|news| *news += 1);
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    view! {
        <button type="button" class="btn s" aria-label=format!("{words}: {title}") on:click=act>
            <Icon name=icon/>
            <span class="wide-only">{words}</span>
        </button>
    }
}

#[component]
fn TaskDialog(here: Here, members: Fetched<Vec<Member>>) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let (title, assignee) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    Effect::new(move |_| {
        let chosen = here.chosen.get();
        running.reset();
        title.set(chosen.as_ref().map(|task| task.title.clone()).unwrap_or_default());
        let person = chosen.and_then(|task| task.assignee).and_then(|assignee| assignee.person);
        assignee.set(person.map(|person| person.id.to_string()).unwrap_or_default());
    });
    let options = Signal::derive(move || {
        let members = members.get().and_then(Result::ok).unwrap_or_default();
        let nobody = (String::new(), "Nobody".to_owned());
        std::iter::once(nobody)
            .chain(members.into_iter().map(|member| (member.person.id.to_string(), member.person.name)))
            .collect::<Vec<_>>()
    });
    let heading = Signal::derive(move || if here.chosen.with(Option::is_some) { "Change the task" } else { "New task" }.to_owned());
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let who = assignee.get_untracked().parse().ok();
        let chosen = here.chosen.get_untracked();
        let is_new = chosen.is_none();
        let answer: std::pin::Pin<Box<dyn Future<Output = AppResult<Sent>>>> = match chosen {
            None => {
                let id = TaskId::generate();
                let new = CreateTask { id: Some(id), title: title.get_untracked(), assignee_id: who, ..CreateTask::default() };
                Box::pin(create_task(here.team, id, new))
            }
            Some(task) => {
                let change =
                    UpdateTask { title: Some(title.get_untracked()), assignee_id: who, unassign: who.is_none(), ..UpdateTask::default() };
                Box::pin(update_task(here.team, task.id, change))
            }
        };
        running.run(answer, move |sent| {
            page::close_dialog(DIALOG);
            say_sent(toasts, sent, if is_new { "Task made" } else { "Saved" });
            title.try_set(String::new());
            here.news.try_update(|news| *news += 1);
        });
    };
    view! {
        <Dialog id=DIALOG title=heading size="s">
            <form on:submit=send>
                <div class="body">
                    <FieldError error=running.error/>
                    <Field id="task-title" name="title" label="What is to be done" value=title required=true autofocus=true hint="With @ before its name an artifact is linked, such as @pdf-tools." error=running.error/>
                    <Transition>
                        {move || {
                            // Read here, so that it is waited for.
                            let _ = members.get();
                            view! { <SelectField id="task-assignee" label="Who does it" value=assignee options=options/> }
                        }}
                    </Transition>
                </div>
                <footer>
                    <button type="submit" class="btn primary" class:busy=move || running.busy.get()>{move || if here.chosen.with(Option::is_some) { "Save" } else { "Make it" }}</button>
                </footer>
            </form>
        </Dialog>
    }
}
