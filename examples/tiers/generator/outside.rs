//! What the compiled tier leaves to the interpreter: here and there, to see that it does.

use super::writer::{Rule, Type, leaf};

pub const OUTSIDE: &[Rule] = &[
    leaf(3, "outside: array", |w, depth| {
        let (name, counter) = (w.fresh("a"), w.fresh("i"));
        let values = format!("[{}, {}, {}]", w.float(depth), w.float(depth), w.int(depth));
        let text = w.line(&format!("let {name} = {values};"));
        let sum = w.fresh("x");
        w.declare(&sum, Type::Float, true);
        let body = format!("let {sum} = 0.0; for {counter} in {name} {{ {sum} += {counter}; }}");
        Some(text + w.line(&body).as_str())
    }),
    leaf(2, "outside: map", |w, depth| {
        let name = w.fresh("o");
        let value = w.float(depth);
        w.has_ctx.then(|| w.line(&format!("let {name} = #{{ at: {value} }}; ctx.log({name}.at);")))
    }),
    leaf(2, "outside: closure", |w, depth| {
        let (name, of) = (w.fresh("f"), w.fresh("x"));
        let value = w.int(depth);
        w.declare(&of, Type::Int, true);
        Some(w.line(&format!("let {name} = |v| v % 9 + 1; let {of} = {name}.call({value});")))
    }),
    leaf(4, "outside: text with values", |w, depth| {
        let (a, b) = (w.float(depth), w.int(depth));
        w.has_ctx.then(|| w.line(&format!("ctx.log(`${{{a}}} and ${{{b}}}`);")))
    }),
    leaf(2, "outside: try", |w, depth| {
        let value = w.int(depth);
        w.has_ctx.then(|| w.line(&format!("try {{ ctx.log({value}); }} catch (err) {{ ctx.log(err); }}")))
    }),
    leaf(2, "outside: range with a step", |w, _| {
        let (counter, step) = (w.fresh("i"), w.random.i32(1..4));
        w.has_ctx.then(|| w.line(&format!("for {counter} in range(0, 9, {step}) {{ ctx.log({counter}); }}")))
    }),
];
