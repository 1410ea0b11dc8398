//! The part of an assistant that needs neither a network nor a clock: what a language model is told ([`prompt`], [`wire`]), how the bytes of its
//! answer are read ([`stream`]), what a refusal means ([`failure`]), and whether a call of a tool is one ([`tools`]).
//!
//! The wire is OpenAI's chat API (<https://platform.openai.com/docs/api-reference/chat>) as OpenAI and those who follow it speak it: vLLM, Ollama,
//! llama.cpp, LM Studio, Mistral, Groq and others differ in details, which [`stream`] names where it allows for them. Nothing that a model or its
//! service sends is trusted: lengths are bounded, and what is broken becomes a value that says so.

pub mod failure;
pub mod prompt;
pub mod sse;
pub mod stream;
pub mod tools;
pub mod wire;
