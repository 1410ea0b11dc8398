//! What is done later than it could be: views that are built when they are shown, and what follows from a press.

use leptos::{
    prelude::*,
    tachys::{
        html::attribute::{Attribute, any_attribute::AnyAttribute},
        hydration::Cursor,
        ssr::StreamBuilder,
        view::{Position, PositionState, Render, RenderHtml, add_attr::AddAnyAttr, any_view::AnyViewState},
    },
};

use crate::browser::page;

/// What `now` is, as soon as what changed with it by itself has been painted: a press is answered at once, and what takes longer is worked on then.
pub fn once_painted<T: Clone + PartialEq + Send + Sync + 'static>(now: Memo<T>) -> ReadSignal<T> {
    let painted = RwSignal::new(now.get_untracked());
    Effect::new(move |_| {
        now.track();
        page::after_paint(move || {
            let Some(now) = now.try_get_untracked() else { return };
            if painted.try_with_untracked(|painted| *painted != now) == Some(true) {
                painted.try_set(now);
            }
        });
    });
    painted.read_only()
}

/// A view that is built once, when it is shown.
pub struct Late(Box<dyn FnOnce() -> AnyView + Send>);

/// For what stands in a `Suspense` or `Transition`: the server walks through that two or three times to find out which answers
/// it has to wait for, and would build the view each time (docs/decisions/page-cost.md). So `view` reads no answer
/// itself, except in a `Suspense` or `Transition` of its own.
pub fn late<V: IntoView + 'static>(view: impl FnOnce() -> V + Send + 'static) -> Late {
    Late(Box::new(|| view().into_any()))
}

impl Render for Late {
    type State = AnyViewState;

    fn build(self) -> Self::State {
        (self.0)().build()
    }

    fn rebuild(self, state: &mut Self::State) {
        (self.0)().rebuild(state);
    }
}

impl AddAnyAttr for Late {
    type Output<A: Attribute> = <AnyView as AddAnyAttr>::Output<A>;

    fn add_any_attr<A: Attribute>(self, attribute: A) -> Self::Output<A>
    where
        Self::Output<A>: RenderHtml,
    {
        (self.0)().add_any_attr(attribute)
    }
}

impl RenderHtml for Late {
    type AsyncOutput = Self;
    type Owned = Self;

    const MIN_LENGTH: usize = 0;

    fn dry_resolve(&mut self) {}

    async fn resolve(self) -> Self {
        self
    }

    fn to_html_with_buf(self, buffer: &mut String, position: &mut Position, escape: bool, mark_branches: bool, extra: Vec<AnyAttribute>) {
        (self.0)().to_html_with_buf(buffer, position, escape, mark_branches, extra);
    }

    fn to_html_async_with_buf<const OUT_OF_ORDER: bool>(
        self,
        buffer: &mut StreamBuilder,
        position: &mut Position,
        escape: bool,
        mark_branches: bool,
        extra: Vec<AnyAttribute>,
    ) {
        (self.0)().to_html_async_with_buf::<OUT_OF_ORDER>(buffer, position, escape, mark_branches, extra);
    }

    fn hydrate<const FROM_SERVER: bool>(self, cursor: &Cursor, position: &PositionState) -> Self::State {
        (self.0)().hydrate::<FROM_SERVER>(cursor, position)
    }

    async fn hydrate_async(self, cursor: &Cursor, position: &PositionState) -> Self::State {
        (self.0)().hydrate_async(cursor, position).await
    }

    fn into_owned(self) -> Self {
        self
    }
}
