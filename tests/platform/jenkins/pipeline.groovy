// Runs a declarative Jenkinsfile with mocked steps: groovy.ui.GroovyMain pipeline.groovy Jenkinsfile < scenarios.json
//
// Takes a JSON array of scenarios and prints one of outcomes, {result, trace: [{stage, step, text}]}, in the same order:
//   params    values of parameters; the Jenkinsfile's defaults otherwise
//   branch    BRANCH_NAME
//   answers   part of a command -> what it prints
//   failAt    index in the trace of the step that fails
//   failing   parts of commands that fail wherever they come
//   abort     part of an `input`'s message: somebody says no
//
// It knows the directives and steps that are listed here and refuses every other. It imitates Jenkins' declarative
// semantics (order, when, environment, parameters, post); it is not Jenkins: no sandbox, no CPS, no agents.
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import org.codehaus.groovy.control.CompilerConfiguration

class Ended extends RuntimeException {
  String result

  Ended(String result, String message) {
    super(message)
    this.result = result
  }
}

class Run {
  static final PLAIN = ['archiveArtifacts', 'checkout', 'echo', 'input', 'writeFile'] as Set
  static final WRAPPING = ['script', 'timeout', 'withEnv'] as Set

  Map scenario
  Map params = [:]
  Map env = [BUILD_NUMBER: '7', BUILD_URL: 'https://jenkins.test/7/']
  List trace = []
  List<String> stages = []
  String result = 'SUCCESS'
  boolean isOver = false

  /** A step happens: it fails where the scenario says so. @returns whether it failed and may. */
  boolean happens(String step, String text, boolean mayFail = false) {
    trace << [stage: stages ? stages.last() : (isOver ? 'post' : ''), step: step, text: text]
    boolean fails = scenario.failAt == trace.size() - 1 || scenario.failing.any { text.contains(it) }
    if (step == 'input' && scenario.abort && text.contains(scenario.abort)) throw new Ended('ABORTED', text)
    if (fails && !mayFail) throw new Ended('FAILURE', text)
    return fails
  }

  String answer(String command) {
    scenario.answers.find { command.contains(it.key) }?.value ?: ''
  }

  void within(Object delegate, Closure block) {
    block.delegate = delegate
    block.resolveStrategy = Closure.DELEGATE_FIRST
    block()
  }
}

class Scope {
  Run run

  def propertyMissing(String name) {
    switch (name) {
      case 'params': return run.params.asImmutable()
      case 'env': return run.env
      case 'scm': return 'scm'
      case 'currentBuild': return [currentResult: run.result]
    }
    if (run.env.containsKey(name)) return run.env[name]
    throw new MissingPropertyException(name, Scope)
  }
}

class Steps extends Scope {
  def sh(Object given) {
    Map options = given instanceof Map ? given : [script: given]
    boolean failed = run.happens('sh', options.script.toString(), options.returnStatus == true)
    if (options.returnStatus) return failed ? 1 : 0
    return options.returnStdout ? run.answer(options.script.toString()) + '\n' : null
  }

  def error(String message) {
    run.happens('error', message)
    throw new Ended('FAILURE', message)
  }

  def methodMissing(String name, Object given) {
    List arguments = given as List
    Closure block = arguments.find { it instanceof Closure }
    if (name in Run.PLAIN) return run.happens(name, arguments ? textOf(arguments[0]) : '') ? null : null
    if (!(name in Run.WRAPPING) || !block) throw new MissingMethodException(name, Steps, arguments as Object[])
    Map before = new LinkedHashMap(run.env)
    if (name == 'withEnv') arguments[0].each { String each -> run.env.put(*each.split('=', 2)) }
    try {
      run.within(this, block)
    } finally {
      if (name == 'withEnv') {
        run.trace << [stage: run.isOver ? 'post' : run.stages.last(), step: 'withEnv', text: arguments[0].join('\n')]
        run.env = before
      }
    }
  }

  private static String textOf(Object argument) {
    argument instanceof Map ? argument.values().join('\n') : argument.toString()
  }
}

class When extends Scope {
  List<Boolean> holds = []

  def branch(String name) { holds << (run.env.BRANCH_NAME == name) }

  def expression(Closure condition) {
    condition.delegate = new Steps(run: run)
    condition.resolveStrategy = Closure.DELEGATE_FIRST
    holds << (condition() as boolean)
  }
}

class Environment extends Scope {
  void propertyMissing(String name, Object value) { run.env[name] = value.toString() }
}

class Parameters extends Scope {
  def choice(Map parameter) {
    def given = run.scenario.params[parameter.name] ?: parameter.choices[0]
    if (!(given in parameter.choices)) throw new IllegalArgumentException("${parameter.name} has no choice ${given}")
    run.params[parameter.name] = given
  }
}

class Stages extends Scope {
  def stage(String name, Closure block) {
    def stage = new Stage(run: run, name: name)
    run.within(stage, block)
    stage.go()
  }
}

class Stage extends Scope {
  String name
  Closure body
  Closure condition

  def steps(Closure block) { take(block); body = { run.within(new Steps(run: run), block) } }

  def stages(Closure block) { take(block); body = { run.within(new Stages(run: run), block) } }

  def when(Closure block) { condition = block }

  private void take(Closure block) {
    if (body) throw new IllegalStateException("stage '$name' needs exactly one of steps and stages")
  }

  void go() {
    if (!body) throw new IllegalStateException("stage '$name' has neither steps nor stages")
    if (condition) {
      def when = new When(run: run)
      run.within(when, condition)
      if (!when.holds || !when.holds.every()) return
    }
    run.stages << name
    try {
      body()
    } finally {
      run.stages.removeLast()
    }
  }
}

class Post extends Scope {
  Map<String, Closure> blocks = [:]

  def success(Closure block) { blocks.success = block }

  def unsuccessful(Closure block) { blocks.unsuccessful = block }

  void go() {
    def block = run.result == 'SUCCESS' ? blocks.success : blocks.unsuccessful
    try {
      if (block) run.within(new Steps(run: run), block)
    } catch (Ended ended) {
      run.result = 'FAILURE'
    }
  }
}

class Pipeline extends Scope {
  final any = 'any'
  Closure stagesBlock
  Closure postBlock

  def agent(Object label) {}

  def options(Closure block) { run.within(new Options(), block) }

  def parameters(Closure block) { run.within(new Parameters(run: run), block) }

  def environment(Closure block) { run.within(new Environment(run: run), block) }

  def stages(Closure block) { stagesBlock = block }

  def post(Closure block) { postBlock = block }

  void go() {
    if (!stagesBlock) throw new IllegalStateException('the pipeline has no stages')
    try {
      run.within(new Stages(run: run), stagesBlock)
    } catch (Ended ended) {
      run.result = ended.result
    }
    run.isOver = true
    def post = new Post(run: run)
    if (postBlock) run.within(post, postBlock)
    post.go()
  }
}

class Options {
  def timeout(Map limit) {}

  def disableConcurrentBuilds() {}

  def skipDefaultCheckout() {}
}

abstract class PipelineScript extends Script {
  def pipeline(Closure block) {
    def pipeline = new Pipeline(run: binding.run)
    binding.run.within(pipeline, block)
    pipeline.go()
  }

  // Functions at the top of the file call steps, too.
  def methodMissing(String name, Object arguments) {
    new Steps(run: binding.run).invokeMethod(name, arguments)
  }
}

def configuration = new CompilerConfiguration(scriptBaseClass: PipelineScript.name)
// Compiled once: it takes longer than all the playing.
def file = new GroovyShell(getClass().classLoader, new Binding(), configuration).parse(new File(args[0])).getClass()
def outcomes = new JsonSlurper().parse(System.in).collect { Map given ->
  def scenario = [params: [:], answers: [:], failing: []] + given
  def run = new Run(scenario: scenario)
  run.env.BRANCH_NAME = scenario.branch ?: 'main'
  def script = file.getDeclaredConstructor().newInstance()
  script.binding = new Binding(run: run)
  script.run()
  [result: run.result, trace: run.trace]
}
println JsonOutput.toJson(outcomes)
