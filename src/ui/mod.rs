//! Shared primitives: every page is made of these. The look is in `style/`; the markup here is the one the styles expect.

mod again;
mod avatar;
pub mod chart;
mod dialog;
pub mod document;
mod drop_down;
mod error_view;
mod field;
mod format;
mod icon;
mod keys;
mod late;
mod line_counts;
mod palette;
mod polled;
mod shell;
mod side_pane;
mod suspense;
pub mod toast;
mod visitor;

pub use again::Again;
pub use avatar::Avatar;
pub use dialog::{ConfirmDialog, Dialog};
pub use drop_down::drop_down;
pub use error_view::{EmptyState, ErrorView, Loading, NotFound, PageError, PaneError};
pub use field::{Field, FieldError, Problem, SelectField, form_error, keep_typed, kept_fields};
pub use format::{bytes, clock_time, count, plural, relative_time, short_sha, utc_time};
pub use icon::{Icon, KindMark};
pub use keys::{Overlays, list_keys, page_keys, preload_overlays, single_keys};
pub use late::{Late, late, once_painted};
pub use line_counts::LineCounts;
pub use palette::SingleKeysSwitch;
pub use polled::{Polled, PolledHead};
pub use shell::{Frame, PageTitle, Shell};
pub use side_pane::SidePane;
pub use suspense::{Suspense, Transition};
pub use toast::{Toasts, ToastsContext, toast, toast_error, toast_link, toast_undo, use_toasts};
pub use visitor::VisitorFrame;

mod time;
pub use time::Time;
