//! Server functions: forms that work without JavaScript.
