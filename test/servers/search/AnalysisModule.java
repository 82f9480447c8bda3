import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.opensearch.analysis.common.CommonAnalysisModulePlugin;
import org.opensearch.index.analysis.AnalyzerProvider;
import org.opensearch.index.analysis.PreBuiltAnalyzerProviderFactory;
import org.opensearch.index.analysis.TokenizerFactory;
import org.opensearch.indices.analysis.AnalysisModule.AnalysisProvider;

/** OpenSearch's analysis-common without Thai: the Java of the tests can't break it into words, and no index can be made then. */
public class AnalysisModule extends CommonAnalysisModulePlugin {
  private static final String THAI = "thai";

  @Override
  public Map<String, AnalysisProvider<AnalyzerProvider<? extends org.apache.lucene.analysis.Analyzer>>> getAnalyzers() {
    var all = new TreeMap<>(super.getAnalyzers());
    all.remove(THAI);
    return all;
  }

  @Override
  public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
    var all = new TreeMap<>(super.getTokenizers());
    all.remove(THAI);
    return all;
  }

  @Override
  public List<PreBuiltAnalyzerProviderFactory> getPreBuiltAnalyzerProviderFactories() {
    return super.getPreBuiltAnalyzerProviderFactories().stream().filter(one -> !one.getName().equals(THAI)).toList();
  }
}
