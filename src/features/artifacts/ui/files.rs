//! The files beside the main file: list, look at, upload, replace, remove.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::artifact::Shown;
use crate::{
    browser::{data, page, upload},
    features::{
        artifacts::{model::FileEntry, state::file_path},
        pwa::ui::NeedsNetwork,
        volumes::state::tell,
    },
    ui::{ConfirmDialog, EmptyState, ErrorView, Icon, Loading, Transition, bytes, plural, toast, toast_error, use_toasts},
};

/// A longer text is downloaded, not shown.
const SHOWN_MAX: i64 = 512 * 1024;

#[component]
pub fn FilesTab(shown: Shown) -> impl IntoView {
    let query = use_query_map();
    let open = Memo::new(move |_| query.with(|query| query.get("file")).filter(|file| !file.is_empty()));
    let files = Memo::new(move |_| shown.detail.with(|detail| detail.files.clone()));
    // Asked about before it is removed.
    let leaving = RwSignal::new(String::new());
    let here = Memo::new(move |_| {
        open.with(|open| open.as_ref().and_then(|open| files.with(|files| files.iter().find(|file| file.path == *open).cloned())))
    });
    view! {
        {move || shown.may_edit().then(|| view! { <NeedsNetwork what="Changing files"/> })}
        <div class="scroll">
            <div class="page files-page">
                {move || {
                    if files.with(Vec::is_empty) {
                        view! {
                            <EmptyState icon="clip" title="No files beside it" text="Scripts, references and assets of a skill stand here and are committed with it."/>
                        }
                            .into_any()
                    } else {
                        view! {
                            <ul class="files">
                                <For each=move || files.get() key=|file| (file.path.clone(), file.sha.clone()) let:file>
                                    <FileRow shown=shown file=file open=open leaving=leaving/>
                                </For>
                            </ul>
                        }
                            .into_any()
                    }
                }}
                {move || shown.may_edit().then(|| view! { <Upload shown=shown/> })}
                {move || here.get().map(|file| view! { <FileView shown=shown file=file/> })}
            </div>
        </div>
        <RemoveDialog shown=shown leaving=leaving/>
    }
}

#[component]
fn RemoveDialog(shown: Shown, leaving: RwSignal<String>) -> impl IntoView {
    let toasts = use_toasts();
    let remove = Callback::new(move |()| {
        let name = leaving.get_untracked();
        let answer = tell("DELETE", file_path(shown.id, &name), ());
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(()) => {
                    toast(toasts, format!("Removed {name} from the draft"));
                    shown.reload.try_run(());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    });
    view! {
        <ConfirmDialog
            id="remove-file"
            title=Signal::derive(move || format!("Remove {}?", leaving.get()))
            text="It leaves the draft. What was committed of it stays in the history; what was not is gone."
            confirm="Remove file"
            act=remove
        />
    }
}

fn file_address(shown: Shown, path: &str) -> String {
    format!("{}&file={}", shown.tab("files"), data::encode(path))
}

#[component]
fn FileRow(shown: Shown, file: FileEntry, open: Memo<Option<String>>, leaving: RwSignal<String>) -> impl IntoView {
    let address = file_address(shown, &file.path);
    let remove_label = format!("Remove {}", file.path);
    let path = StoredValue::new(file.path.clone());
    let remove = move |_| {
        leaving.set(path.get_value());
        page::open_dialog("remove-file");
    };
    let current = move || open.with(|open| path.with_value(|path| open.as_ref() == Some(path))).then_some("true");
    view! {
        <li>
            <Icon name="file"/>
            <a class="name" href=address aria-current=current>{file.path.clone()}</a>
            <span class="size">{file.executable.then_some("executable, ")} {bytes(file.size)}</span>
            {move || {
                if shown.may_edit() {
                    view! { <button type="button" class="btn ghost icon-only s" aria-label=remove_label.clone() title="Remove" on:click=remove><Icon name="trash"/></button> }.into_any()
                } else {
                    view! { <span></span> }.into_any()
                }
            }}
        </li>
    }
}

/// Puts picked files beside the main file; the same path replaces.
#[component]
fn Upload(shown: Shown) -> impl IntoView {
    let toasts = use_toasts();
    let folder = RwSignal::new(String::new());
    let progress = RwSignal::new(None::<(String, f64)>);
    let send = move |picked: upload::Picked| {
        if picked.is_empty() || progress.with_untracked(Option::is_some) {
            return;
        }
        let prefix = folder.with_untracked(|folder| folder.trim().trim_matches('/').to_owned());
        progress.set(Some((picked.first_name(), 0.0)));
        leptos::task::spawn_local(async move {
            let mut done = 0;
            for index in 0..picked.count() {
                let name = picked.name(index);
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
                let shown_name = path.clone();
                let told = move |part| {
                    progress.try_set(Some((shown_name.clone(), part)));
                };
                match upload::put::<serde_json::Value>(&file_path(shown.id, &path), &picked, index, told).await {
                    Ok(_) => done += 1,
                    Err(error) => {
                        toast_error(toasts, &error);
                        break;
                    }
                }
            }
            progress.try_set(None);
            if done > 0 {
                toast(toasts, format!("Put {} into the draft", plural(done, "file", "files")));
                shown.reload.try_run(());
            }
        });
    };
    view! {
        <div class="stack">
            <label class="dropzone s">
                <Icon name="upload"/>
                <b>"Add or replace files"</b>
                <span>"Drop them here or choose."</span>
                <input type="file" multiple="" on:change=move |event| send(upload::Picked::from_event(&event))/>
            </label>
            <label class="field row">
                <span class="f12 t3 nowrap">"Into the folder"</span>
                <input
                    class="input s"
                    list="usual-folders"
                    placeholder="scripts, references, assets"
                    prop:value=move || folder.get()
                    on:input=move |event| folder.set(event_target_value(&event))
                />
            </label>
            <datalist id="usual-folders">
                <option value="scripts"></option>
                <option value="references"></option>
                <option value="assets"></option>
            </datalist>
            {move || {
                progress
                    .get()
                    .map(|(name, part)| view! { <div class="row f12"><code>{name}</code><progress class="progress" max="1" value=part.to_string()></progress></div> })
            }}
        </div>
    }
}

#[derive(PartialEq)]
enum Look {
    Picture,
    Text,
    Other,
}

fn look(file: &FileEntry) -> Look {
    let end = file.path.rsplit('.').next().unwrap_or_default().to_lowercase();
    match end.as_str() {
        "png" | "jpg" | "jpeg" | "gif" | "webp" | "svg" | "avif" => Look::Picture,
        _ if file.size > SHOWN_MAX => Look::Other,
        "pdf" | "zip" | "gz" | "tar" | "xlsx" | "xls" | "docx" | "pptx" | "ttf" | "otf" | "woff" | "woff2" | "wasm" | "so" | "exe"
        | "mp3" | "mp4" | "ico" | "parquet" => Look::Other,
        _ => Look::Text,
    }
}

#[component]
fn FileView(shown: Shown, file: FileEntry) -> impl IntoView {
    let address = file_path(shown.id, &file.path);
    let link = format!("/api/v1{address}");
    let body = match look(&file) {
        Look::Picture => view! { <p class="pad"><img class="file-picture" src=link.clone() alt=file.path.clone()/></p> }.into_any(),
        Look::Other => view! { <p class="pad t3">"This file is not shown here. Download it to look at it."</p> }.into_any(),
        Look::Text => {
            let text = data::fetch_text(move || Some(address.clone()));
            view! {
                <Transition fallback=|| view! { <Loading rows=3/> }>
                    {move || {
                        text.get()
                            .map(|text| match text {
                                Ok(text) => {
                                    view! {
                                        <div class="source">
                                            {text.lines().map(|line| view! { <div class="ln"><span>{line.to_owned()}</span></div> }).collect_view()}
                                        </div>
                                    }
                                        .into_any()
                                }
                                Err(error) => view! { <ErrorView error=error/> }.into_any(),
                            })
                    }}
                </Transition>
            }
            .into_any()
        }
    };
    view! {
        <section class="card file-view" aria-label=file.path.clone()>
            <header class="card-head">
                <h2><code>{file.path.clone()}</code></h2>
                <a class="btn s push" href=link download=""><Icon name="download"/>"Download"</a>
            </header>
            {body}
        </section>
    }
}
