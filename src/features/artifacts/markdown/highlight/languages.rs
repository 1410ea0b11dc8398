//! What the scanner knows of each language.

/// How a language is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Code,
    /// Keys and values.
    Data,
    Markup,
    Diff,
}

#[derive(Debug)]
pub struct Language {
    /// As they stand behind a fence.
    names: &'static [&'static str],
    pub shape: Shape,
    /// What begins a comment to the end of the line.
    pub line: &'static [&'static str],
    pub block: Option<(&'static str, &'static str)>,
    /// What begins and ends a string; longer ones first.
    pub strings: &'static [&'static str],
    /// A backslash takes the next character's meaning.
    pub escapes: bool,
    /// Separated by spaces.
    pub keywords: &'static str,
    pub folds_case: bool,
    /// `$name` is a variable.
    pub dollar: bool,
    /// Words may have hyphens.
    pub hyphens: bool,
}

const BASE: Language = Language {
    names: &[],
    shape: Shape::Code,
    line: &["//"],
    block: Some(("/*", "*/")),
    strings: &["\"", "'"],
    escapes: true,
    keywords: "",
    folds_case: false,
    dollar: false,
    hyphens: false,
};

const C_LIKE: &str = "abstract as async auto await base bool break byte case catch char class const constexpr continue default delegate delete do double else enum event explicit \
extends extern final finally fixed float for foreach friend get goto if implements implicit import in include inline int interface internal is let lock long namespace new noexcept \
nullptr object operator out override package params private protected public readonly record ref return sealed set short signed sizeof static string struct super switch \
synchronized template throw throws transient try typedef typename union unsigned using var virtual void volatile when where while with yield";
const SCRIPT: &str = "abstract any as async await boolean break case catch class const constructor continue debugger declare default delete do else enum export extends finally for from \
function get if implements import in infer instanceof interface is keyof let namespace never new number of override private protected public readonly return satisfies set static \
string super switch symbol throw try type typeof unknown var void while with yield";

const LANGUAGES: &[Language] = &[
    Language {
        names: &["bash", "sh", "shell", "zsh", "console", "fish"],
        line: &["#"],
        block: None,
        keywords: "if then else elif fi for while until do done case esac in function return local export set unset readonly declare source exit trap shift break continue eval exec",
        dollar: true,
        hyphens: true,
        ..BASE
    },
    Language {
        names: &["python", "py", "python3"],
        line: &["#"],
        block: None,
        strings: &["\"\"\"", "'''", "\"", "'"],
        keywords: "and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield",
        ..BASE
    },
    Language { names: &["json", "jsonc", "json5", "jsonl"], shape: Shape::Data, strings: &["\""], ..BASE },
    Language { names: &["yaml", "yml"], shape: Shape::Data, line: &["#"], block: None, ..BASE },
    Language { names: &["toml", "ini", "properties", "env", "dotenv", "conf"], shape: Shape::Data, line: &["#", ";"], block: None, ..BASE },
    Language {
        names: &["javascript", "js", "jsx", "mjs", "typescript", "ts", "tsx", "node"],
        strings: &["\"", "'", "`"],
        keywords: SCRIPT,
        ..BASE
    },
    Language {
        names: &[
            "java", "c", "h", "cpp", "c++", "cc", "hpp", "csharp", "cs", "c#", "razor", "hlsl", "glsl", "arduino", "dart", "haxe",
            "solidity",
        ],
        keywords: C_LIKE,
        ..BASE
    },
    Language {
        names: &["rust", "rs"],
        keywords: "as async await box break const continue crate dyn else enum extern fn for if impl in let loop match mod move mut pub ref return Self static struct super trait type union unsafe use where while",
        ..BASE
    },
    Language {
        names: &["go", "golang"],
        strings: &["\"", "'", "`"],
        keywords: "break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch type var",
        ..BASE
    },
    Language {
        names: &["kotlin", "kt", "swift", "scala", "groovy"],
        strings: &["\"\"\"", "\"", "'"],
        keywords: "abstract actor as async await break case catch class companion data def default defer do else enum extension extends final for fun func guard if implements import in infix init inline inout internal \
interface is lateinit lazy let match mutating object open operator override package private protected protocol public repeat return sealed some static struct super suspend switch throw throws trait try typealias val var when \
where while with yield",
        ..BASE
    },
    Language {
        names: &["ruby", "rb"],
        line: &["#"],
        block: None,
        keywords: "alias and begin break case class def defined do else elsif end ensure for if in module next not or redo require rescue retry return super then undef unless until when while yield",
        ..BASE
    },
    Language {
        names: &["php"],
        line: &["//", "#"],
        keywords: "abstract and array as break callable case catch class clone const continue declare default do echo else elseif enum extends final finally fn for foreach function global if implements include instanceof \
interface match namespace new or print private protected public readonly require require_once return static switch throw trait try use var while yield",
        dollar: true,
        ..BASE
    },
    Language {
        names: &["sql", "tsql", "plsql", "postgresql", "mysql", "sqlite", "dql", "kql", "dax"],
        line: &["--"],
        escapes: false,
        keywords: "add all alter and as asc begin between by case cast check column commit constraint create cross cte database default define delete desc distinct drop else end evaluate exists explain false fields filter foreign from full \
grant group having if in index inner insert intersect into is join key left like limit not null offset on or order outer over partition primary references return returning right rollback row rows select set sort summarize table then \
true union unique update using values var view when where with",
        folds_case: true,
        ..BASE
    },
    Language {
        names: &["powershell", "ps1", "pwsh"],
        line: &["#"],
        block: Some(("<#", "#>")),
        escapes: false,
        keywords: "begin break catch class continue do else elseif end enum exit filter finally for foreach function if in param process return switch throw trap try until using while",
        folds_case: true,
        dollar: true,
        hyphens: true,
        ..BASE
    },
    Language {
        names: &["css", "scss", "sass", "less"],
        keywords: "important media import supports keyframes layer container font-face from to var calc",
        shape: Shape::Data,
        ..BASE
    },
    Language { names: &["html", "xml", "svg", "vue", "svelte", "xaml", "xhtml", "jsp", "astro"], shape: Shape::Markup, ..BASE },
    Language { names: &["diff", "patch"], shape: Shape::Diff, ..BASE },
    Language {
        names: &["dockerfile", "docker", "makefile", "make", "cmake", "nginx", "caddyfile"],
        line: &["#"],
        block: None,
        keywords: "from run cmd label expose env add copy entrypoint volume user workdir arg onbuild stopsignal healthcheck shell as ifeq ifdef endif else include define endef server location listen if",
        folds_case: true,
        dollar: true,
        hyphens: true,
        ..BASE
    },
    Language {
        names: &["hcl", "terraform", "tf", "bicep", "graphql", "gql", "proto", "protobuf", "prisma"],
        line: &["#", "//"],
        strings: &["\"\"\"", "\"", "'"],
        keywords: "directive enum existing extend for fragment if import in input interface locals message metadata model module mutation on oneof optional output package param provider query repeated resource returns rpc scalar schema \
service subscription syntax targetScope terraform type union var variable",
        ..BASE
    },
    Language {
        names: &["lua", "r", "julia", "elixir", "ex", "haskell", "hs", "perl", "matlab", "vb", "bat", "cmd", "asm", "nasm"],
        line: &["--", "#", "%", ";", "rem "],
        block: None,
        keywords: "and begin case class data def do else elseif elsif end fn for function goto if import in instance let library local loop module mov my next not of or package repeat return set sub then type until use using where while",
        dollar: true,
        ..BASE
    },
];

pub fn find(name: &str) -> Option<&'static Language> {
    LANGUAGES.iter().find(|language| language.names.contains(&name))
}
