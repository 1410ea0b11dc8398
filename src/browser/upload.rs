//! Sending files with progress: `fetch` cannot tell how much has left, so this is an `XMLHttpRequest`.

pub use inner::*;

#[cfg(feature = "hydrate")]
mod inner {
    use std::{cell::RefCell, rc::Rc};

    use futures_channel::oneshot;
    use serde::de::DeserializeOwned;
    use wasm_bindgen::{JsCast as _, closure::Closure};
    use web_sys::{File, FormData, HtmlInputElement, ProgressEvent, XmlHttpRequest};

    use crate::{
        browser::json,
        error::{AppError, AppResult, ErrorCode},
    };

    /// Files that a person picked or dropped.
    #[derive(Clone)]
    pub struct Picked {
        files: Vec<(String, File)>,
    }

    impl Picked {
        /// What is in `<input type="file">`; a picked folder's files keep their paths below it.
        pub fn from_input(input: &HtmlInputElement) -> Self {
            let mut files = Vec::new();
            if let Some(list) = input.files() {
                for index in 0..list.length() {
                    if let Some(file) = list.item(index) {
                        files.push((relative_path(&file), file));
                    }
                }
            }
            Self { files }
        }
        /// From the `change` event of such an input, which is emptied: the same file can be picked again.
        pub fn from_event(event: &leptos::ev::Event) -> Self {
            let Some(input) = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok()) else {
                return Self { files: Vec::new() };
            };
            let picked = Self::from_input(&input);
            input.set_value("");
            picked
        }
        /// What was dropped on the page.
        pub fn from_drop(event: &leptos::ev::DragEvent) -> Self {
            Self::from_transfer(event.data_transfer())
        }
        /// What was pasted, when it is files.
        pub fn from_paste(event: &leptos::ev::Event) -> Self {
            let pasted = js_sys::Reflect::get(event, &"clipboardData".into()).ok();
            Self::from_transfer(pasted.and_then(|data| data.dyn_into().ok()))
        }
        fn from_transfer(data: Option<web_sys::DataTransfer>) -> Self {
            let list = data.and_then(|data| data.files());
            let files = list.map(|list| (0..list.length()).filter_map(|index| list.item(index)).map(|file| (file.name(), file)).collect());
            Self { files: files.unwrap_or_default() }
        }
        /// Each file for itself.
        pub fn each(&self) -> Vec<Self> {
            self.files.iter().map(|file| Self { files: vec![file.clone()] }).collect()
        }
        /// An address under which this page can show the first file.
        pub fn preview(&self) -> Option<String> {
            self.files.first().and_then(|(_, file)| web_sys::Url::create_object_url_with_blob(file).ok())
        }
        pub fn is_empty(&self) -> bool {
            self.files.is_empty()
        }
        pub fn count(&self) -> usize {
            self.files.len()
        }
        pub fn bytes(&self) -> f64 {
            self.files.iter().map(|(_, file)| file.size()).sum()
        }
        pub fn first_name(&self) -> String {
            self.name(0)
        }
        pub fn name(&self, index: usize) -> String {
            self.files.get(index).map(|(path, _)| path.clone()).unwrap_or_default()
        }
    }

    fn relative_path(file: &File) -> String {
        js_sys::Reflect::get(file, &"webkitRelativePath".into())
            .ok()
            .and_then(|value| value.as_string())
            .filter(|path| !path.is_empty())
            .unwrap_or_else(|| file.name())
    }

    /// Puts the first of `picked` to `path` under `/api/v1` as it is.
    pub async fn put_file<T: DeserializeOwned>(path: String, picked: Picked) -> AppResult<T> {
        let offline = || AppError::new(ErrorCode::Offline, "The file did not arrive. Check the connection and try again.");
        let Some((_, file)) = picked.files.first() else { return Err(AppError::invalid("Choose a file first.")) };
        let kind = if file.type_().is_empty() { "application/octet-stream".to_owned() } else { file.type_() };
        let request = gloo::net::http::Request::put(&format!("/api/v1{path}"))
            .header("content-type", &kind)
            .header("idempotency-key", &uuid::Uuid::now_v7().to_string())
            .body(file.clone())
            .map_err(|_| offline())?;
        let response = request.send().await.map_err(|_| offline())?;
        let text = response.text().await.map_err(|_| offline())?;
        if response.ok() {
            return json::read(if text.is_empty() { "null" } else { &text }).map_err(|_| AppError::internal());
        }
        Err(json::read(&text).unwrap_or_else(|_| AppError::internal()))
    }

    /// Sends `picked` as one multipart body to `path` under `/api/v1` (each file under its path as the field's file name, the
    /// paths once more in order in the field `paths`, since browsers cut file names to the last part). `progress` gets 0..=1.
    pub async fn send<T: DeserializeOwned>(path: &str, picked: &Picked, progress: impl Fn(f64) + 'static) -> AppResult<T> {
        let form = FormData::new().map_err(|_| broken())?;
        let paths: Vec<&str> = picked.files.iter().map(|(path, _)| path.as_str()).collect();
        form.append_with_str("paths", &serde_json::to_string(&paths).unwrap_or_default()).map_err(|_| broken())?;
        for (path, file) in &picked.files {
            form.append_with_blob_and_filename("file", file, path).map_err(|_| broken())?;
        }
        transfer("POST", path, Body::Form(form), progress).await
    }

    /// Puts the bytes of the picked file number `index` to `path` under `/api/v1`.
    pub async fn put<T: DeserializeOwned>(path: &str, picked: &Picked, index: usize, progress: impl Fn(f64) + 'static) -> AppResult<T> {
        let Some((_, file)) = picked.files.get(index) else { return Err(broken()) };
        transfer("PUT", path, Body::File(file.clone()), progress).await
    }

    enum Body {
        Form(FormData),
        File(File),
    }

    fn broken() -> AppError {
        AppError::new(ErrorCode::Internal, "The browser could not prepare the upload. Load the page again.")
    }

    async fn transfer<T: DeserializeOwned>(method: &str, path: &str, body: Body, progress: impl Fn(f64) + 'static) -> AppResult<T> {
        let request = XmlHttpRequest::new().map_err(|_| broken())?;
        request.open(method, &format!("/api/v1{path}")).map_err(|_| broken())?;
        request.set_request_header("idempotency-key", &uuid::Uuid::now_v7().to_string()).map_err(|_| broken())?;
        let (sender, receiver) = oneshot::channel::<()>();
        let sender = Rc::new(RefCell::new(Some(sender)));
        let ended = Closure::<dyn FnMut()>::new(move || {
            if let Some(sender) = sender.borrow_mut().take() {
                let _ = sender.send(());
            }
        });
        let moved = Closure::<dyn FnMut(ProgressEvent)>::new(move |event: ProgressEvent| {
            if event.length_computable() && event.total() > 0.0 {
                progress(event.loaded() / event.total());
            }
        });
        request.set_onloadend(Some(ended.as_ref().unchecked_ref()));
        if let Ok(upload) = request.upload() {
            upload.set_onprogress(Some(moved.as_ref().unchecked_ref()));
        }
        match body {
            Body::Form(form) => request.send_with_opt_form_data(Some(&form)),
            Body::File(file) => request.send_with_opt_blob(Some(&file)),
        }
        .map_err(|_| broken())?;
        let _ = receiver.await;
        let status = request.status().unwrap_or(0);
        let text = request.response_text().ok().flatten().unwrap_or_default();
        if (200..300).contains(&status) {
            return json::read(if text.is_empty() { "null" } else { &text }).map_err(|_| broken());
        }
        Err(json::read(&text)
            .unwrap_or_else(|_| AppError::new(ErrorCode::Offline, "The upload did not arrive. Check the connection and try again.")))
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    use serde::de::DeserializeOwned;

    use crate::error::{AppError, AppResult};

    #[derive(Clone)]
    pub struct Picked;

    impl Picked {
        pub fn from_event(_: &leptos::ev::Event) -> Self {
            Self
        }
        pub fn from_drop(_: &leptos::ev::DragEvent) -> Self {
            Self
        }
        pub fn from_paste(_: &leptos::ev::Event) -> Self {
            Self
        }
        pub fn each(&self) -> Vec<Self> {
            Vec::new()
        }
        pub fn preview(&self) -> Option<String> {
            None
        }
        pub fn is_empty(&self) -> bool {
            true
        }
        pub fn count(&self) -> usize {
            0
        }
        pub fn bytes(&self) -> f64 {
            0.0
        }
        pub fn first_name(&self) -> String {
            String::new()
        }
        pub fn name(&self, _: usize) -> String {
            String::new()
        }
    }

    pub async fn put<T: DeserializeOwned>(_: &str, _: &Picked, _: usize, _: impl Fn(f64) + 'static) -> AppResult<T> {
        Err(AppError::internal())
    }

    pub async fn put_file<T: DeserializeOwned>(_: String, _: Picked) -> AppResult<T> {
        Err(AppError::internal())
    }

    pub async fn send<T: DeserializeOwned>(_: &str, _: &Picked, _: impl Fn(f64) + 'static) -> AppResult<T> {
        Err(AppError::internal())
    }
}
