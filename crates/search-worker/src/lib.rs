//! Search on a device that is offline: the engine of `llmos-search` as WebAssembly, for the worker in `web/offline`, which fetches and keeps what it
//! works on. Here is neither network nor storage: texts and bytes go in, JSON as the server's comes out.

mod device;

use wasm_bindgen::prelude::*;

/// The documents of one account on this device, and the model that embeds questions.
#[wasm_bindgen]
pub struct Device(device::Device);

/// A question whose hits are known, and not shown yet.
#[wasm_bindgen]
pub struct Asked(device::Asked);

#[wasm_bindgen]
impl Device {
    /// Nothing yet, for vectors of so many components.
    #[wasm_bindgen(constructor)]
    pub fn new(dimension: usize) -> Self {
        Self(device::Device::new(dimension))
    }

    /// What `snapshot` gave.
    ///
    /// # Errors
    /// It is damaged, or of another version: it has to be made anew from the records.
    pub fn restore(snapshot: &[u8]) -> Result<Self, JsError> {
        Ok(Self(device::Device::restore(snapshot)?))
    }

    pub fn snapshot(&mut self) -> Vec<u8> {
        self.0.snapshot()
    }

    /// The files of a model, as `/api/v1/search/offline/model` has them.
    ///
    /// # Errors
    /// One of them is damaged.
    #[wasm_bindgen(js_name = setModel)]
    pub fn set_model(
        &mut self,
        name: &str,
        config: &[u8],
        weights: &[u8],
        tokenizer: &[u8],
        pooling: Option<Vec<u8>>,
    ) -> Result<(), JsError> {
        Ok(self.0.set_model(name, config, weights, tokenizer, pooling.as_deref())?)
    }

    /// Takes a record in, in place of what it had of that document.
    ///
    /// # Errors
    /// It is none.
    pub fn put(&mut self, record: &str) -> Result<(), JsError> {
        Ok(self.0.put(record)?)
    }

    pub fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Answers what `/api/v1` followed by `path` would, over `places` (the manifest's, as JSON); none for what is not search.
    ///
    /// # Errors
    /// The server would refuse it, too.
    pub fn ask(&mut self, path: &str, places: &str) -> Result<Option<Asked>, JsError> {
        Ok(self.0.ask(path, places)?.map(Asked))
    }
}

#[wasm_bindgen]
impl Asked {
    /// The documents whose records `show` needs.
    pub fn ids(&self) -> Vec<String> {
        self.0.ids()
    }

    /// The answer, as JSON. `millis`: how long it took so far.
    pub fn show(&self, records: Vec<String>, millis: f64) -> String {
        self.0.show(&records, millis)
    }
}
