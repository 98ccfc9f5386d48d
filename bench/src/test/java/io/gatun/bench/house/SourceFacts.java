package io.gatun.bench.house;

import com.sun.source.tree.BinaryTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.LiteralTree;
import com.sun.source.tree.MethodInvocationTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePath;
import com.sun.source.util.TreePathScanner;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import javax.lang.model.element.Modifier;
import javax.tools.ToolProvider;

/**
 * What the rules ask of one Java source.
 *
 * @param longestMethod lines, from its signature to its last brace; 0 if there is none
 * @param publicTypes names of types that everybody can name, nested ones included
 * @param uncommented public types, methods and fields without a comment
 * @param toleranceLiterals lines on which a float literal decides what is near enough
 */
record SourceFacts(
    Path file,
    String packageName,
    int lines,
    String longestMethodName,
    int longestMethod,
    List<String> publicTypes,
    List<String> uncommented,
    List<Integer> toleranceLiterals) {

  /** Parses the files; nothing is resolved, so no class path is needed. */
  static List<SourceFacts> of(Collection<Path> files) {
    if (files.isEmpty()) {
      return List.of();
    }
    var compiler = ToolProvider.getSystemJavaCompiler();
    var facts = new ArrayList<SourceFacts>();
    try (var manager = compiler.getStandardFileManager(null, null, null)) {
      var sources = manager.getJavaFileObjectsFromPaths(files);
      var task = (JavacTask) compiler.getTask(null, manager, null, null, null, sources);
      for (var unit : task.parse()) {
        var reader = new Reader(unit, DocTrees.instance(task));
        reader.scan(unit, null);
        facts.add(reader.facts());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return facts;
  }

  boolean isTest() {
    return file.toString().contains("/src/test/");
  }

  private static final class Reader extends TreePathScanner<Void, Void> {
    private static final Set<Tree.Kind> COMPARISONS =
        Set.of(
            Tree.Kind.LESS_THAN,
            Tree.Kind.LESS_THAN_EQUAL,
            Tree.Kind.GREATER_THAN,
            Tree.Kind.GREATER_THAN_EQUAL);

    private final CompilationUnitTree unit;
    private final DocTrees docs;
    private final List<String> publicTypes = new ArrayList<>();
    private final List<String> uncommented = new ArrayList<>();
    private final List<Integer> toleranceLiterals = new ArrayList<>();
    private String longestName = "";
    private int longest;

    Reader(CompilationUnitTree unit, DocTrees docs) {
      this.unit = unit;
      this.docs = docs;
    }

    SourceFacts facts() {
      var file = Path.of(unit.getSourceFile().toUri());
      var name = unit.getPackageName() == null ? "" : unit.getPackageName().toString();
      return new SourceFacts(
          file,
          name,
          House.lines(file),
          longestName,
          longest,
          List.copyOf(publicTypes),
          List.copyOf(uncommented),
          List.copyOf(toleranceLiterals));
    }

    @Override
    public Void visitClass(ClassTree type, Void none) {
      if (isPublic()) {
        publicTypes.add(type.getSimpleName().toString());
        wantComment(type.getSimpleName());
      }
      return super.visitClass(type, none);
    }

    @Override
    public Void visitMethod(MethodTree method, Void none) {
      int lines = line(end(method)) - line(start(method)) + 1;
      if (lines > longest && start(method) >= 0) {
        longest = lines;
        longestName = method.getName().toString();
      }
      boolean inherits =
          method.getModifiers().getAnnotations().stream()
              .anyMatch(a -> a.getAnnotationType().toString().equals("Override"));
      if (isPublic() && !inherits && !isCompactConstructor(method)) {
        wantComment(method.getName());
      }
      return super.visitMethod(method, none);
    }

    @Override
    public Void visitVariable(VariableTree field, Void none) {
      var parent = getCurrentPath().getParentPath().getLeaf();
      boolean component = field.getModifiers().getFlags().contains(Modifier.PRIVATE);
      if (parent instanceof ClassTree type && type.getKind() != Tree.Kind.ENUM && !component) {
        if (isPublic()) {
          wantComment(field.getName());
        }
      }
      return super.visitVariable(field, none);
    }

    @Override
    public Void visitMethodInvocation(MethodInvocationTree call, Void none) {
      var name = call.getMethodSelect().toString();
      if (name.matches("(.*\\.)?assert(Array)?Equals") && call.getArguments().size() > 2) {
        noteTolerance(call.getArguments().get(2));
      }
      return super.visitMethodInvocation(call, none);
    }

    @Override
    public Void visitBinary(BinaryTree operation, Void none) {
      if (COMPARISONS.contains(operation.getKind())) {
        noteSmall(operation.getLeftOperand());
        noteSmall(operation.getRightOperand());
      }
      return super.visitBinary(operation, none);
    }

    private void noteTolerance(ExpressionTree argument) {
      if (argument instanceof LiteralTree l && l.getValue() instanceof Number n) {
        if (!(n instanceof Integer) && n.doubleValue() != 0) {
          toleranceLiterals.add(line(start(argument)));
        }
      }
    }

    // Comparing with a small number, or with a product of one, is how a tolerance is written by
    // hand.
    private void noteSmall(ExpressionTree operand) {
      if (operand instanceof BinaryTree b && b.getKind() == Tree.Kind.MULTIPLY) {
        noteSmall(b.getLeftOperand());
        noteSmall(b.getRightOperand());
      } else if (operand instanceof LiteralTree l && l.getValue() instanceof Number n) {
        if (n.doubleValue() > 0 && n.doubleValue() < 0.05) {
          toleranceLiterals.add(line(start(operand)));
        }
      }
    }

    private void wantComment(CharSequence name) {
      if (docs.getDocComment(getCurrentPath()) == null) {
        uncommented.add(name + " (line " + line(start(getCurrentPath().getLeaf())) + ")");
      }
    }

    /** Whether this declaration and all around it are public. */
    private boolean isPublic() {
      for (TreePath p = getCurrentPath(); p != null; p = p.getParentPath()) {
        var outer = p.getParentPath() == null ? null : p.getParentPath().getLeaf();
        var flags =
            switch (p.getLeaf()) {
              case ClassTree c -> c.getModifiers().getFlags();
              case MethodTree m -> m.getModifiers().getFlags();
              case VariableTree v -> v.getModifiers().getFlags();
              case CompilationUnitTree _ -> Set.of(Modifier.PUBLIC);
              default -> Set.of(); // inside a body: nobody can name it
            };
        boolean inInterface =
            outer instanceof ClassTree c
                && c.getKind() == Tree.Kind.INTERFACE
                && !flags.contains(Modifier.PRIVATE);
        if (!flags.contains(Modifier.PUBLIC) && !inInterface) {
          return false;
        }
      }
      return true;
    }

    private boolean isCompactConstructor(MethodTree method) {
      var parent = getCurrentPath().getParentPath().getLeaf();
      return method.getReturnType() == null && parent.getKind() == Tree.Kind.RECORD;
    }

    private long start(Tree tree) {
      return docs.getSourcePositions().getStartPosition(unit, tree);
    }

    private long end(Tree tree) {
      return docs.getSourcePositions().getEndPosition(unit, tree);
    }

    private int line(long position) {
      return (int) unit.getLineMap().getLineNumber(Math.max(0, position));
    }
  }
}
